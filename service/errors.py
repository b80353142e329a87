"""The error of a wrong configuration, for those who do not read one."""

from service.telemetry.sanitize import mask_secrets


class SettingsError(Exception):
    """The configuration is invalid; the text names file, line and reason, and masks secrets."""

    def __init__(self, text: str) -> None:
        super().__init__(mask_secrets(text))
