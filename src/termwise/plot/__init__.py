"""An account, a run, or several -> a matplotlib Axes, in the report's colours and order.

Each function draws into `ax`, or into a figure of its own where it is left out, and returns the Axes, which can then be
changed as any other. Error bars are one standard error, where nothing else is said. A figure of its own has the sizes
of a paper's; one that is given keeps its own. matplotlib is imported when something is drawn.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
