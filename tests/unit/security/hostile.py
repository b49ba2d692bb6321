"""Names that somebody may give to a group, a tag, a metric, an action or a note, each meant to break something."""

from hypothesis import strategies as st

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</title><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='owned'",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    "<svg/onload=document.title='owned'>",
    "<!--<script>",
    "{{ 7 * 7 }}{% for x in () %}",
    "${7*7}#{7*7}<%= 7*7 %>",
    "[click](https://evil.example) ![](https://evil.example/x.png)",
    "`` ` ``` | --- |\n| a | b |",
    "https://evil.example/www.evil.example",
    "<!channel> <@U123> <https://evil.example|here> @channel @here @all",
    "\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b2J",
    "[red]markup[/red] [/] [link=https://evil.example]x[/link]",
    "first\nheadroom: all is well\r\nthird\u2028fourth\x85fifth",
    "\u202egpj.exe\u2066\u200b",
    "=cmd|'/c calc'!A0",
    "'; drop table metric_sample; --",
    "\x00nul\udcff",
    "a" * 3000,
)

hostile_texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), min_size=1, max_size=3).map("".join),
)
