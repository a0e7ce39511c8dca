"""A plain loop in PyTorch: held-out digits at an ELBO of -19.0 nats, a rate of 5.1 of which 4.4 tell of the digit.

What termwise adds is marked: an account of the posteriors that the loop has anyway.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import termwise as tw  # termwise


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, 64))

    def forward(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        return self.decoder(z), mean, log_var, z


def loss_by_example(logits, x, mean, log_var):
    reconstruction = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return reconstruction, kl


def main(epochs=30, batch_size=128, seed=0):
    torch.manual_seed(seed)
    x = (torch.from_numpy(load_digits().data).float() > 7).float()
    train, test = x[:1400], x[1400:]
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    meter = tw.Meter(dataset_size=len(test))  # termwise

    for epoch in range(1, epochs + 1):
        model.train()
        for index in torch.randperm(len(train)).split(batch_size):
            logits, mean, log_var, _ = model(train[index])
            reconstruction, kl = loss_by_example(logits, train[index], mean, log_var)
            loss = (reconstruction + kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()
        with torch.no_grad():
            total = 0.0
            for batch in test.split(batch_size):
                logits, mean, log_var, z = model(batch)
                reconstruction, kl = loss_by_example(logits, batch, mean, log_var)
                meter.update((mean, log_var), z, -reconstruction)  # termwise
                total += float((reconstruction + kl).sum())
        print(f"epoch {epoch}: loss {total / len(test):.2f}")
        if epoch % 10 == 0:
            print(meter.compute(step=epoch))  # termwise
    return model, test, meter


if __name__ == "__main__":
    main()
