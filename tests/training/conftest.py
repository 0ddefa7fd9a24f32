import pytest

from tests.training.pictures import make_folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("pictures"))
