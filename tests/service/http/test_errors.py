"""What answers an error that is not ours."""

from litestar.exceptions import NotFoundException

from service.http.errors import problem_of


def test_an_unknown_path_is_answered_with_where_the_known_ones_are() -> None:
    problem = problem_of(NotFoundException())
    assert (problem.kind.name, problem.kind.status) == ("not-found", 404)
    assert "/schema" in problem.detail
