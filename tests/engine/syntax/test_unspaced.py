import pytest

from semls.engine.syntax.unspaced import letters, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("订单总价", "订单 单总 总价", id="Chinese"),
        pytest.param("锁", "锁", id="one letter"),
        pytest.param("在庫数を数える", "在庫 庫数 数を を数 数え える", id="Japanese"),
        pytest.param("ユーザー", "ユー ーザ ザー", id="katakana"),
        pytest.param("회원가입을 처리", "회원 원가 가입 입을 처리", id="Korean"),
        pytest.param("ผู้ใช้", "ผใ ใช", id="Thai, without marks"),
        pytest.param("使用Redis缓存", "使用 缓存 Redis", id="another script between"),
        pytest.param("get_用户", "用户", id="underscore"),
        pytest.param("𠮷野家", "𠮷野 野家", id="beyond the basic plane"),
        pytest.param("plain café", "", id="scripts with spaces"),
    ],
)
def test_words_are_pairs_of_letters_and_what_touches_them(text, expected):
    assert words(text) == expected.split()


def test_letters_are_the_different_ones():
    assert letters("用户的用户, plain") == ["用", "户", "的"]
