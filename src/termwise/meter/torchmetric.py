"""A meter as a metric of torchmetrics, whose base class a MetricCollection asks for: made where it is installed."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from termwise.errors import Refused

if TYPE_CHECKING:
    from termwise.meter.meter import Meter


def as_metric(meter: "Meter") -> Any:
    """The meter as a torchmetrics.Metric.

    Raises:
        Refused: torchmetrics is not installed.
    """
    return _metric_class()(meter)


@cache
def _metric_class() -> Any:
    try:
        base: Any = import_module("torchmetrics").Metric
    except ImportError:
        raise Refused(
            "A metric for a MetricCollection takes torchmetrics, which is not installed: pip install torchmetrics. "
            "Meter itself needs it not."
        ) from None

    class MeterMetric(base):
        """The readings of a meter's account, by name; all that is held is the meter's."""

        full_state_update = False

        def __init__(self, meter: "Meter") -> None:
            super().__init__(sync_on_compute=False)  # the meter puts together what ranks have seen
            self.meter = meter
            self.account: Any = None

        def update(
            self, posterior: Any, z: Any = None, log_likelihood: Any = None, index: Any = None, side: Any = None
        ) -> None:
            self.meter.update(posterior, z, log_likelihood, index, side)

        def compute(self) -> dict[str, torch.Tensor]:
            self.account = self.meter.compute()
            return {name: torch.tensor(one.value, device=self.device) for name, one in self.account.overall.items()}

        def forward(self, *batch: Any, **named: Any) -> dict[str, torch.Tensor]:
            """Take in a batch, and give the readings of it alone."""
            self.update(*batch, **named)
            alone = self.meter.empty()
            alone.update(*batch, **named)
            return {name: torch.tensor(one.value, device=self.device) for name, one in alone.compute().overall.items()}

        def reset(self) -> None:
            super().reset()
            self.meter.reset()

        def get_extra_state(self) -> dict[str, Any]:
            return self.meter.state_dict()

        def set_extra_state(self, state: dict[str, Any]) -> None:
            self.meter.load_state_dict(state)

        def _apply(self, fn: Any, *more: Any, **named: Any) -> Any:
            moved = super()._apply(fn, *more, **named)
            self.meter.to(self.device)
            return moved

    return MeterMetric
