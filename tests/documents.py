"""The READMEs: the one of the project, and one for each room."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOMAIN = ROOT / "domain" / "README.md"
PROJECTIONS = ROOT / "projections" / "README.md"
SERVICE = ROOT / "service" / "README.md"
API = ROOT / "service" / "api" / "README.md"
PROVIDER = ROOT / "service" / "provider" / "README.md"
CONSOLE = ROOT / "service" / "console" / "README.md"
OPERATING = ROOT / "service" / "operating" / "README.md"
SQL = ROOT / "sql" / "README.md"
TESTS = ROOT / "tests" / "README.md"
ALL = (README, DOMAIN, PROJECTIONS, SERVICE, API, CONSOLE, PROVIDER, OPERATING, SQL, TESTS)
