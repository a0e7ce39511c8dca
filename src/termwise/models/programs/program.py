"""A guide and its model as a VAE: the sites of the guide that each example has are the code, what is observed is x.

    q(z|x) = prod_i q(z_i | z_<i, x)        p(z) = prod_i p(z_i | z_..)        log p(x|z) = sum_m log p(x_m | z)

Which site is given which is found by trying: a site is run again with another's value changed. Sites outside of the
plate of the data, global ones, are shared by all examples: they are drawn anew for every batch, and their rate, which
is paid once for the data set and not by each example, is `shared_rates`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, kl_divergence

from termwise.errors import Refused
from termwise.models.block_law import Conditional
from termwise.models.chained_law import law_of
from termwise.models.programs.packages import Runner, runner_of
from termwise.models.programs.sites import CodeOfSite, Site, first_row, in_rows, same_law, torchs_own
from termwise.models.reachable_modules import modules_of

SHARED_DRAWS = 64
"""Draws of global sites from which their rate is, where it has no closed form."""


class ObservedSites(Distribution):
    """p(x|z) of a program: the product of its observed sites, at codes that are held.

    Args:
        log_probs: Of examples, shape (B, *shape): the log density of each observed site, by name, shape (B,), nats.
        shape: B, and that of an example.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, log_probs: Callable[[Tensor], dict[str, Tensor]], shape: Size) -> None:
        self._log_probs = log_probs
        super().__init__(shape[:1], shape[1:], validate_args=False)

    def log_prob_by_part(self, value: Tensor) -> dict[str, Tensor]:
        """The log density of each observed site, by name, shape (B,), nats."""
        return self._log_probs(value)

    def log_prob(self, value: Tensor) -> Tensor:
        """Their sum, shape (B,), nats."""
        return torch.stack(list(self._log_probs(value).values())).sum(0)


class Program:
    """A guide and its model, of Pyro or NumPyro, that can be drawn from; `adapt` makes it.

    Args:
        guide, model: Each is called as guide(x), with a batch of examples.
        params: Of NumPyro: the parameters that its SVI gave, `svi_result.params`.
    """

    def __init__(
        self, guide: Callable[..., Any], model: Callable[..., Any], params: Mapping[str, Any] | None = None
    ) -> None:
        self._guide, self._model, self._params = guide, model, params
        self._run: Runner | None = None
        self._plate, self._codes = "", tuple[CodeOfSite, ...]()
        self._given_in_guide: list[list[int]] = []
        self._given_in_model: list[list[int]] = []
        self._shared: dict[str, Tensor] = {}
        self._some: Tensor | None = None

    @property
    def networks(self) -> list[nn.Module]:
        """The modules that guide and model reach."""
        return modules_of((self._guide, self._model))

    def infer(self, x: Tensor) -> tuple[Distribution, Any]:
        """q(z|x) over flat codes, a block for each site, and what the model needs: x and the global sites' values."""
        if self._run is None:
            self._look(x)
        sites = self._sites(self._guide, x, {})
        self._shared = {name: sites[name].value for name in self._shared}
        links = [
            self._conditional(self._guide, place, given, x) if given else code.law(sites[code.name])
            for place, (code, given) in enumerate(zip(self._codes, self._given_in_guide, strict=True))
        ]
        law = links[0] if len(links) == 1 else law_of(links, self._names)
        assert isinstance(law, Distribution)
        return law, (x.shape, dict(self._shared))

    def generate(self, z: Tensor, context: tuple[Size, Mapping[str, Tensor]]) -> Distribution:
        """The product of the observed sites at flat codes z, shape (B, D)."""
        shape, shared = context
        values = {**shared, **self._values(z)}

        def log_probs(value: Tensor) -> dict[str, Tensor]:
            sites = self._sites(self._model, value, values)
            return {
                name: site.by_example(self._plate)
                for name, site in sites.items()
                if site.observed and site.place_in(self._plate) is not None
            }

        return ObservedSites(log_probs, Size([len(z), *shape[1:]]))

    def prior_law(self) -> Distribution:
        """p(z) over flat codes, a block for each site, at the global sites' last values."""
        if self._some is None:
            raise Refused("The prior is known once the program was run: infer a batch first.")
        sites = self._sites(self._model, self._some, {**self._shared, **self._tried(self._some)})
        links = [
            self._conditional(self._model, place, given, None) if given else first_row(code.law(sites[code.name]))
            for place, (code, given) in enumerate(zip(self._codes, self._given_in_model, strict=True))
        ]
        law = links[0] if len(links) == 1 else law_of(links, self._names)
        assert isinstance(law, Distribution)
        return law

    def shared_rates(self) -> dict[str, Tensor]:
        """What the global sites cost, by name, once for all examples: nats, shape () in closed form, else of draws."""
        if not self._shared or self._some is None:
            return {}
        draws = [self._drawn(self._some) for _ in range(2)]
        guide, model = draws[0]
        shared = {name for name, site in guide.items() if site.place_in(self._plate) is None}
        together = any(guide[name].joint for name in shared) or not shared <= model.keys()
        closed = {} if together else {name: _closed(draws, name) for name in self._shared}
        if not together and None not in closed.values():
            return {name: value for name, value in closed.items() if value is not None}
        draws += [self._drawn(self._some) for _ in range(SHARED_DRAWS - 2)]
        if together:
            return {"all": torch.stack([_sum(guide, shared) - _sum(model, shared) for guide, model in draws])}
        return {
            name: torch.stack([_sum(guide, {name}) - _sum(model, {name}) for guide, model in draws])
            if value is None
            else value
            for name, value in closed.items()
        }

    def _drawn(self, x: Tensor) -> tuple[dict[str, Site], dict[str, Site]]:
        """The guide's sites, and the model's at the same values."""
        guide = self._sites(self._guide, x, {})
        return guide, self._sites(self._model, x, {name: site.value for name, site in guide.items()})

    @property
    def _names(self) -> list[str]:
        return [code.name for code in self._codes]

    def _sites(self, program: Callable[..., Any], x: Tensor, values: Mapping[str, Tensor]) -> dict[str, Site]:
        assert self._run is not None
        try:
            return {site.name: site for site in self._run(program, x, values)}
        except Exception as error:
            what = "guide" if program is self._guide else "model"
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise Refused(
                f"The {what} failed on a batch of shape {tuple(x.shape)}: {type(error).__name__}: {reason}"
            ) from error

    def _values(self, z: Tensor) -> dict[str, Tensor]:
        """The sites' values at flat codes, shape (M, D)."""
        parts = z.split([code.size for code in self._codes], 1)
        return {code.name: code.value(part) for code, part in zip(self._codes, parts, strict=True)}

    def _conditional(self, program: Callable[..., Any], place: int, given: list[int], x: Tensor | None) -> Conditional:
        """The law of a site for every value of those that it is given; of the guide, of each of the examples x."""
        code, shared, some = self._codes[place], dict(self._shared), self._some
        assert some is not None

        def law(numbers: Tensor, features: Tensor | None) -> Distribution:
            lead, rows, of = in_rows(numbers, features)
            examples = some[:1].expand(len(rows), *some.shape[1:]) if of is None else of.view(-1, *some.shape[1:])
            parts = rows.split([self._codes[at].size for at in given], 1)
            values = {self._names[at]: self._codes[at].value(part) for at, part in zip(given, parts, strict=True)}
            return code.law(self._sites(program, examples.to(some), {**shared, **values})[code.name], lead)

        return Conditional(law, given, code.size, None if x is None else x.flatten(1))

    def _look(self, x: Tensor) -> None:
        """Find the plate of the data, the sites of the code, and which is given which."""
        some = x  # and no fewer: JAX compiles what it runs anew for every shape
        self._run = runner_of(self._guide, some, self._params)
        try:
            self._some = some
            guide = self._sites(self._guide, some, {})
            held = {name: site.value for name, site in guide.items()}
            model = self._sites(self._model, some, held)
            self._plate = self._plate_of_data(model, some)
            latent = [site for site in guide.values() if not site.observed]
            own = [site for site in latent if site.place_in(self._plate) is not None]
            self._check(guide, model, own)
            self._codes = tuple(CodeOfSite(site, self._plate) for site in own)
            self._shared = {site.name: site.value for site in latent if site.place_in(self._plate) is None}
            values = {name: value for name, value in held.items() if name in self._names or name in self._shared}
            self._given_in_guide = self._depends(self._guide, some, values)
            self._given_in_model = self._depends(self._model, some, values)
            self._check_prior(some, values)
        except BaseException:
            self._run = self._some = None
            raise

    def _plate_of_data(self, sites: Mapping[str, Site], x: Tensor) -> str:
        """The plate that what is observed stands in, and whose size is the number of examples, and goes with it.

        Raises:
            Refused: There is none.
        """
        plates = {plate for site in sites.values() if site.observed for plate in site.plates}
        fitting = {plate.name for plate in plates if plate.size == len(x)}
        if len(fitting) > 1:  # one of them may be of as many genes, say
            fewer = self._sites(self._model, x[:-1], {}).values()
            fitting &= {plate.name for site in fewer for plate in site.plates if plate.size == len(x) - 1}
        if len(fitting) != 1:
            found = {plate.name: plate.size for site in sites.values() for plate in site.plates}
            raise Refused(
                "Expected a plate of the examples of a batch, with pyro.plate('data', len(x)), around what is "
                f"observed; got {', '.join(f'{name} of {size}' for name, size in found.items()) or 'none'} for "
                f"{len(x)} examples."
            )
        return fitting.pop()

    def _tried(self, some: Tensor) -> dict[str, Tensor]:
        """Values of the sites of the code, of a few examples."""
        sites = self._sites(self._guide, some, self._shared)
        return {name: sites[name].value for name in self._names}

    def _depends(self, program: Callable[..., Any], some: Tensor, values: Mapping[str, Tensor]) -> list[list[int]]:
        """By site of the code, those whose value moves its law."""
        before = self._sites(program, some, values)
        found: list[list[int]] = [[] for _ in self._codes]
        for at, other in enumerate(self._codes):
            moved = self._sites(program, some, {**values, other.name: other.another(values[other.name])})
            for place, code in enumerate(self._codes):
                if place != at and not same_law(code.law(before[code.name]), code.law(moved[code.name])):
                    found[place].append(at)
        return found

    def _check(self, guide: Mapping[str, Site], model: Mapping[str, Site], own: list[Site]) -> None:
        """Raise Refused where guide and model are not over the same sites."""
        if not own:
            raise Refused(
                "No site of the guide has a value for each example, in the plate of the data "
                f"({self._plate!r}): all are shared ({', '.join(guide) or 'none'}), and there are no codes to measure. "
                "Of a posterior of shared unknowns, tw.bayes trains and measures one."
            )
        latent = {name for name, site in model.items() if not site.observed and name not in guide}
        if latent:
            raise Refused(
                f"The model draws {', '.join(sorted(latent))}, and the guide does not: what is summed over in Pyro "
                "(infer={'enumerate': ...}) has no code. Give it a site in the guide."
            )
        if unknown := [site.name for site in own if site.name not in model]:
            raise Refused(f"The guide draws {', '.join(unknown)}, and the model does not; both must have the same.")
        outside = [name for name, site in model.items() if site.observed and site.place_in(self._plate) is None]
        if outside:
            raise Refused(
                f"{', '.join(outside)} is observed outside of the plate of the data ({self._plate!r}), and of no "
                "example: put it into the plate."
            )

    def _check_prior(self, some: Tensor, values: Mapping[str, Tensor]) -> None:
        """Raise Refused where the prior is another for each example."""
        before, after = (self._sites(self._model, x, values) for x in (some, some.roll(1, 0)))
        for code in self._codes:
            if not same_law(code.law(before[code.name]), code.law(after[code.name])):
                raise Refused(
                    f"The prior of {code.name!r} is another for each example: the model makes it of x. Termwise "
                    "measures one prior for all."
                )


def _sum(sites: Mapping[str, Site], names: set[str]) -> Tensor:
    """The log density of sites together, shape (); those that are not there have none."""
    return torch.stack([sites[name].log_prob.sum().double() for name in sorted(names & sites.keys())]).sum()


def _closed(draws: list[tuple[dict[str, Site], dict[str, Site]]], name: str) -> Tensor | None:
    """The KL of a global site, shape (); None where its laws change from draw to draw, or have no closed form."""
    laws = [sites[name].law for pair in draws for sites in pair]
    known = [torchs_own(law) for law in laws if law is not None]
    if len(known) < len(laws) or not (same_law(known[0], known[2]) and same_law(known[1], known[3])):
        return None
    try:
        return kl_divergence(known[0], known[1]).sum().double()
    except NotImplementedError:
        return None
