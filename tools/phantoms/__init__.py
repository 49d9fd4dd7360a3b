"""Digital phantoms with known truth, written as DICOM studies (the tool is tools/phantom)."""
