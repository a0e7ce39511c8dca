from .compare import compare as compare
from .curves import curves as curves
from .dimensions import dimensions as dimensions
from .frontier import frontier as frontier
from .latents import latents as latents
from .traversals import traversals as traversals
from .walk import walk as walk
