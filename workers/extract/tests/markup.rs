//! One kind of markup each, as Markdown.

use computetower_extract::{Extent, HtmlSource, html};

fn markdown(page: &str) -> String {
    let about = HtmlSource {
        url: "https://a.example/dir/page",
        extent: Extent::Whole,
        ..HtmlSource::default()
    };
    html(page.as_bytes(), &about)
        .unwrap_or_else(|error| panic!("{error}"))
        .markdown
}

macro_rules! written {
    ($($name:ident: $page:expr => $wanted:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_eq!(markdown($page), $wanted);
        })*
    };
}

written! {
    white_space_is_what_a_browser_shows: "<p>\n  one\n  <b> two </b>three<i>four</i> <a href=x> five </a>six<span>seven</span> <span>eight</span>\n</p>"
        => "one **two** three*four* [five](https://a.example/dir/x) sixseven eight\n";
    emphasis_that_markdown_would_not_see_is_left_out: "<p><b>Note:</b>text a<b>\"b\"</b>c x<b>y</b>z <b></b><i> </i><b>a</b><b>b</b> <b><strong>twice</strong></b></p>"
        => "Note:text a\"b\"c x**y**z **ab** **twice**\n";
    escapes_only_where_needed: "<p>a_b_c 2 * 3 *x* [1] [a](b) &lt;div&gt; &amp;amp; AT&amp;T 1 &lt; 2 C:\\x ~5</p><p>1. no</p><p># no</p><p>- no</p><p>+1</p>"
        => "a_b_c 2 * 3 \\*x\\* [1] [a]\\(b) \\<div> \\&amp; AT&T 1 < 2 C:\\x ~5\n\n1\\. no\n\n\\# no\n\n\\- no\n\n+1\n";
    breaks: "<p>one<br>two<br><br>three<br></p>a<br>b" => "one  \ntwo\n\nthree\n\na  \nb\n";
    code_in_a_line: "<p>Call <code>a  &lt;b&gt;</code>, <code>`x`</code>, <code></code><kbd>Ctrl</kbd>+<kbd>C</kbd>, <a href='/f'><code>f[0]</code></a>.</p>"
        => "Call `a <b>`, `` `x` ``, `Ctrl`+`C`, [`f[0]`](https://a.example/f).\n";
    links_and_pictures: "<p><a href='?q=1#f'>q</a> <a href='#here'>here</a> <a href='javascript:x()'>js</a> <a>bare</a> <img src=p.png alt='A [b]'> <img src=q.png> <img src=r.png alt=''> <a href='/x(y'><img src=s.png alt=s></a></p>"
        => "[q](https://a.example/dir/page?q=1#f) [here](https://a.example/dir/page#here) js bare ![A \\[b\\]](https://a.example/dir/p.png) [![s](https://a.example/dir/s.png)](<https://a.example/x(y>)\n";
    lists: "<ul><li>one<ul><li>two</li><li>three<ol start=9><li>nine<li>ten</ol></li></ul></li><li>four</li></ul>"
        => "- one\n  - two\n  - three\n    9. nine\n    10. ten\n- four\n";
    loose_lists: "<ol><li><p>one</p><p>more</p></li><li><pre>x\n\ny</pre></li></ol>" => "1. one\n\n   more\n\n2. ```\n   x\n\n   y\n   ```\n";
    list_in_a_list: "<ul><li>one</li><ul><li>two</li></ul><li>three</li></ul>" => "- one\n  - two\n- three\n";
    boxes_to_tick: "<ul><li><input type=checkbox checked> done</li><li><input type=checkbox> open</li></ul>" => "- [x] done\n- [ ] open\n";
    definitions: "<dl><dt>a</dt><dt>b</dt><dd>short <i>one</i></dd><dt><code>c</code></dt><dd><p>long</p><pre>x</pre></dd></dl>"
        => "**a**\n**b**\n: short *one*\n\n**`c`**\n\nlong\n\n```\nx\n```\n";
    quotes: "<blockquote><p>one</p><blockquote>two</blockquote><ul><li>three</li></ul></blockquote>" => "> one\n>\n> > two\n>\n> - three\n";
    table_with_spans: "<table><caption>Sizes</caption><thead><tr><th>a</th><th colspan=2>b</th></tr></thead><tr><td rowspan=2>x|y</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4<br>5</td></tr><tr><td colspan=3>all</td></tr></table>"
        => "**Sizes**\n\n| a | b | b |\n| --- | --- | --- |\n| x\\|y | 1 | 2 |\n| x\\|y | 3 | 4<br>5 |\n| all | | |\n";
    table_without_a_head: "<table><tr><td>a</td><td>b</td></tr><tr><td><p>c</p><p>d</p></td><td><ul><li>e</li></ul></td></tr></table>"
        => "| | |\n| --- | --- |\n| a | b |\n| c<br>d | - e |\n";
    table_of_layout: "<table><tr><td><h2>Left</h2><p>one</p></td><td><p>two</p></td></tr></table>" => "## Left\n\none\n\ntwo\n";
    headings: "<h2 id=a>One <a class=headerlink href=#a>¶</a></h2><section id=s><h3><b>Two</b></h3></section><h3><a name=t></a>Three <code>x_y</code></h3><h4><a href=/p>Four</a></h4><h5></h5>"
        => "## One\n\n### Two\n\n### Three `x_y`\n\n#### [Four](https://a.example/p)\n";
    a_link_around_blocks: "<a href=/c><h3>Card</h3><p>text</p></a>" => "### [Card](https://a.example/c)\n\ntext\n";
    formulas: "<p>So <span class=katex><span class=katex-mathml><math><semantics><mrow><mi>x</mi></mrow><annotation encoding='application/x-tex'>x^2_1</annotation></semantics></math></span><span class=katex-html aria-hidden=true>x21</span></span> and <span class=MathJax>y</span><script type='math/tex'>y*z</script>.</p><script type='math/tex; mode=display'>\\sum</script>"
        => "So $x^2_1$ and $y*z$.\n\n$$\\sum$$\n";
    footnotes: "<p>A<sup id=r1><a href=#f1>1</a></sup> and 10<sup>2</sup> H<sub>2</sub>O.</p><ol><li id=f1><p>Note. <a href=#r1>↩</a></p></li></ol>"
        => "A[^1] and 10² H2O.\n\n[^1]: Note.\n";
    struck_and_quoted: "<p><del>old</del> <ins>new</ins> <q>said</q> <mark>m</mark> soft&shy;hyphen zero&#8203;width a&nbsp;b</p>" => "~~old~~ new “said” m softhyphen zerowidth a b\n";
    what_does_not_show: "<p>a<span hidden>b</span><span style='display: none'>c</span><span aria-hidden=true>d</span><!-- e --><script>f</script><template>g</template></p><svg><text>h</text></svg>" => "a\n";
    a_rule: "<p>a</p><hr><p>b</p><hr>" => "a\n\n---\n\nb\n";
    figures: "<figure><img src=i.png alt=I><figcaption>What it shows</figcaption></figure>" => "![I](https://a.example/dir/i.png)\n\nWhat it shows\n";
}
