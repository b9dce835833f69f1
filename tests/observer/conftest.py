"""The fixtures and the words of the integration tests."""

import importlib.util
import sys
from pathlib import Path

INTEGRATION = Path(__file__).parents[1] / "integration"
sys.path.insert(0, str(INTEGRATION))
sys.path.insert(0, str(Path(__file__).parent))

specification = importlib.util.spec_from_file_location("integration", INTEGRATION / "conftest.py")
integration = importlib.util.module_from_spec(specification)
specification.loader.exec_module(integration)
globals().update({name: item for name, item in vars(integration).items()
                  if not name.startswith("__")})
