"""What commands say."""

from click.testing import CliRunner

from s1pdgs.cli import cli


def told(runner: CliRunner, *arguments: str) -> str:
    """The output of a command that must succeed."""
    result = runner.invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(runner: CliRunner, *arguments: str) -> str:
    """The output of a command that must fail."""
    result = runner.invoke(cli, arguments)
    assert result.exit_code != 0
    return result.output
