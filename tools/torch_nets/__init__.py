"""Networks of medicine and of the literature as PyTorch modules with seeded weights."""
