from plumbline.cli.text import Column, display_width, pad, render_table


def test_chinese_characters_take_two_cells():
    assert display_width("毛利率 A") == 8
    assert pad("准绳", 6) == "准绳  "
    assert pad("1", 3, right=True) == "  1"


def test_columns_stay_aligned_with_chinese_cells():
    columns = [Column("name"), Column("value", right=True)]
    lines = list(render_table(columns, [("销售额", "1"), ("orders", "1,234")]))
    assert {display_width(line) for line in lines} == {13}
