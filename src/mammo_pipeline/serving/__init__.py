"""What leaves the house: the file that MLflow stores with a released model and runs at load."""
