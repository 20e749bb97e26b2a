"""Reading and writing DICOM mammograms, from and to bytes: no file is opened here."""
