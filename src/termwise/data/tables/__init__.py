"""Tables, wherever they come from: what each column is, and the Dataset that all of them make."""
