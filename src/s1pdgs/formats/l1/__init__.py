"""Level-1 products: annotation, calibration, noise and RFI data sets, measurements, manifest and the SAFE folder."""
