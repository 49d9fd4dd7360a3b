"""Training of models/cardiac_sax, the segmentation of short-axis cine MR (the tool is tools/train/cardiac)."""
