"""Settings are typed, overridden by the environment, and refuse what they do not know with the nearest name."""

from pathlib import Path

import pytest

from s1pdgs.settings import SettingsError, load_settings
from s1pdgs.settings_example import example


def written(folder: Path, text: str) -> Path:
    path = folder / "s1pdgs.toml"
    path.write_text(text)
    return path


def test_defaults_need_no_file() -> None:
    settings = load_settings(None, {})
    assert settings.serve.host == "127.0.0.1"
    assert settings.sources == []


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[serve]\nport = 1\nhost = "0.0.0.0"\n')
    settings = load_settings(path, {"S1PDGS_SERVE__PORT": "2", "S1PDGS_DATA_DIR": "/var/pdgs", "HOME": "/root"})
    assert (settings.serve.port, settings.serve.host, settings.data_dir) == (2, "0.0.0.0", Path("/var/pdgs"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[serve]\nprot = 1", r"unknown key 'serve.prot'; did you mean 'port'\?"),
        ("data_dri = 'x'", r"did you mean 'data_dir'\?"),
        (
            "[[sources]]\nname='a'\nkind='cadip'\nurl='http://a'\npage_sise=1",
            r"unknown key 'sources.0.page_sise'; did you mean 'page_size'\?",
        ),
        ("zzzzqqqq = 1", "valid keys here are archive, data_dir, database, facility, log"),
        ("[serve]\nport = 'many'", r"serve.port: .*integer.* \(found 'many'\)"),
        ("[serve]\nport = 70000", r"serve.port: .*65535 \(found 70000\)"),
        ("[[sources]]\nname='a'\nkind='ftp'\nurl='http://a'", "sources.0.kind: .*cadip.*auxip"),
        ("not toml", "s1pdgs.toml: "),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text), {})


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: No such file"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"unknown key 'serve.pord'; did you mean 'port'"):
        load_settings(None, {"S1PDGS_SERVE__PORD": "1"})


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    path = written(tmp_path, "[[sources]]\nname='a'\nkind='cadip'\nurl='http://a'\npassword=['hunter2']")
    with pytest.raises(SettingsError) as refusal:
        load_settings(path, {})
    assert "hunter2" not in str(refusal.value)
    settings = load_settings(written(tmp_path, "[serve]\noperator_key='hunter2'"), {})
    assert "hunter2" not in repr(settings)


def test_the_documented_settings_are_those_that_exist() -> None:
    documented = Path(__file__).resolve().parents[2] / "docs" / "settings.toml"
    assert documented.read_text() == example()


def test_the_example_is_a_settings_file_once_sources_are_named(tmp_path: Path) -> None:
    text = example().replace('name = ""', 'name = "a"').replace('kind = ""', 'kind = "cadip"')
    settings = load_settings(written(tmp_path, text.replace('url = ""', 'url = "https://a"')), {})
    assert settings.sources[0].page_size == 200
