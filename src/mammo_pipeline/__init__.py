"""A factory for breast-cancer detection models on screening mammography. Research use only."""

import os

__version__ = "0.1.0"

# No tool of the stack may report home from a machine that holds mammograms: set before any of
# them is imported. MLflow wants exactly "true".
for _name, _value in {
    "KEDRO_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}.items():
    os.environ[_name] = _value
