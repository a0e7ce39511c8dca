"""log q(z), the aggregate of a data set's posteriors: its components, and what remembers them."""
