"""An scvi-tools model, trained as people train it; termwise in three lines.

    pip install termwise scvi-tools; python examples/loops/scvi_model.py

On synthetic cells of two batches it says after 20 epochs what their ELBO is made of, and what the code knows of the
batch that the model was told: of cells without any structure, next to nothing.
"""

import scvi

import termwise as tw  # termwise


def main(epochs: int = 20, cells: object = None) -> tuple:
    scvi.settings.seed = 0
    cells = scvi.data.synthetic_iid() if cells is None else cells
    scvi.model.SCVI.setup_anndata(cells, batch_key="batch")
    model = scvi.model.SCVI(cells, n_latent=5, n_hidden=64, gene_likelihood="nb")
    model.train(max_epochs=epochs, accelerator="cpu", batch_size=64, enable_progress_bar=False, logger=False)
    account = tw.measure(tw.adapt(model), cells)  # termwise
    print(account)  # termwise
    cells.obsm["X_scvi"] = model.get_latent_representation()
    return model, cells, account


if __name__ == "__main__":
    main()
