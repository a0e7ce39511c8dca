"""An account -> tables, figures, a page, a model card."""
