//! Pages in the markup that the common generators of documentation publish: what is code stays code, byte for byte.

use computetower_extract::{Document, HtmlSource, html};

fn read(page: &str) -> Document {
    html(
        page.as_bytes(),
        &HtmlSource {
            url: "https://docs.example/guide/page.html",
            ..HtmlSource::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

fn code(document: &Document) -> Vec<(Option<&str>, &str)> {
    document
        .code_blocks
        .iter()
        .map(|block| (block.language.as_deref(), block.text.as_str()))
        .collect()
}

fn anchors(document: &Document) -> Vec<(u8, &str, Option<&str>)> {
    document
        .headings
        .iter()
        .map(|one| (one.level, one.text.as_str(), one.anchor.as_deref()))
        .collect()
}

#[test]
fn sphinx() {
    let document = read(
        r##"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Tasks — Project 1.0 documentation</title></head><body>
<div class="related" role="navigation" aria-label="related navigation"><h3>Navigation</h3><ul><li class="right"><a href="genindex.html" title="General Index" accesskey="I">index</a></li><li><a href="index.html">Project 1.0 documentation</a> »</li></ul></div>
<div class="document"><div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main">
<section id="tasks"><span id="index-0"></span><h1>Tasks<a class="headerlink" href="#tasks" title="Permalink to this heading">¶</a></h1>
<p>A task runs a coroutine. See <a class="reference internal" href="loop.html#asyncio.run" title="asyncio.run"><code class="xref py py-func docutils literal notranslate"><span class="pre">asyncio.run()</span></code></a> for more, and the note<a class="footnote-reference brackets" href="#id3" id="id2" role="doc-noteref"><span class="fn-bracket">[</span>1<span class="fn-bracket">]</span></a>.</p>
<div class="highlight-python3 notranslate"><div class="highlight"><pre><span></span><span class="kn">import</span> <span class="nn">asyncio</span>

<span class="k">async</span> <span class="k">def</span> <span class="nf">main</span><span class="p">():</span>
    <span class="n">x</span> <span class="o">=</span> <span class="n">a</span> <span class="o">&lt;</span> <span class="n">b</span> <span class="ow">and</span> <span class="s2">"&amp;amp;"</span>  <span class="c1"># comment</span>
</pre></div></div>
<div class="highlight-default notranslate"><div class="highlight"><pre><span></span><span class="gp">&gt;&gt;&gt; </span><span class="nb">print</span><span class="p">(</span><span class="mi">1</span><span class="p">)</span>
<span class="go">1</span>
</pre></div></div>
<div class="highlight-c notranslate"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre><span class="normal">1</span>
<span class="normal">2</span></pre></div></td><td class="code"><div><pre><span></span><span class="kt">int</span><span class="w"> </span><span class="n">x</span><span class="p">;</span>
<span class="kt">int</span><span class="w"> </span><span class="n">y</span><span class="p">;</span>
</pre></div></td></tr></table></div>
<dl class="py function"><dt class="sig sig-object py" id="project.run"><span class="sig-prename descclassname"><span class="pre">project.</span></span><span class="sig-name descname"><span class="pre">run</span></span><span class="sig-paren">(</span><em class="sig-param"><span class="n"><span class="pre">name</span></span></em>, <em class="sig-param"><span class="o"><span class="pre">*</span></span><span class="n"><span class="pre">args</span></span></em><span class="sig-paren">)</span><a class="headerlink" href="#project.run" title="Permalink to this definition">¶</a></dt><dd><p>Runs a task by its name.</p></dd></dl>
<div class="admonition warning"><p class="admonition-title">Warning</p><p>Do not block.</p></div>
<p>Where <span class="math notranslate nohighlight">\(a^2 + b_1\)</span> holds:</p>
<div class="math notranslate nohighlight">
\[c = \sqrt{x}\]</div>
<aside class="footnote-list brackets"><aside class="footnote brackets" id="id3" role="doc-footnote"><span class="label"><span class="fn-bracket">[</span><a role="doc-backlink" href="#id2">1</a><span class="fn-bracket">]</span></span><p>The note.</p></aside></aside>
</section></div></div></div>
<div class="sphinxsidebar" role="navigation" aria-label="main navigation"><h3>Table of Contents</h3><ul><li><a href="#">Tasks</a></li></ul></div></div>
<div class="footer" role="contentinfo">© Copyright 2024, Somebody. Created using Sphinx.</div></body></html>"##,
    );
    assert_eq!(document.title.as_deref(), Some("Tasks"));
    assert_eq!(anchors(&document), [(1, "Tasks", Some("tasks"))]);
    assert_eq!(
        code(&document),
        [
            (
                Some("python3"),
                "import asyncio\n\nasync def main():\n    x = a < b and \"&amp;\"  # comment"
            ),
            (None, ">>> print(1)\n1"),
            (Some("c"), "int x;\nint y;"),
        ],
    );
    assert_eq!(
        document.markdown,
        "# Tasks\n\nA task runs a coroutine. See [`asyncio.run()`](https://docs.example/guide/loop.html#asyncio.run) for more, and the note[^1].\n\n\
         ```python3\nimport asyncio\n\nasync def main():\n    x = a < b and \"&amp;\"  # comment\n```\n\n```\n>>> print(1)\n1\n```\n\n\
         ```c\nint x;\nint y;\n```\n\n**project.run(name, \\*args)**\n\nRuns a task by its name.\n\n> **Warning**\n>\n> Do not block.\n\n\
         Where $a^2 + b_1$ holds:\n\n$$c = \\sqrt{x}$$\n\n[^1]: The note.\n",
    );
}

#[test]
fn mkdocs() {
    let document = read(
        r##"<html lang="en" class="no-js"><head><title>Install - Project</title><meta name="generator" content="mkdocs-1.6.0, mkdocs-material-9.5"></head><body>
<header class="md-header"><nav class="md-header__inner"><a href="..">Project</a></nav></header>
<div class="md-container"><main class="md-main"><div class="md-main__inner">
<div class="md-sidebar md-sidebar--primary" data-md-component="sidebar"><nav class="md-nav"><ul><li><a href="./">Install</a></li></ul></nav></div>
<div class="md-content" data-md-component="content"><article class="md-content__inner md-typeset">
<a href="https://git.example/edit" title="Edit this page" class="md-content__button md-icon"><svg><path d="M1"/></svg></a>
<h1 id="install">Install<a class="headerlink" href="#install" title="Permanent link">&para;</a></h1>
<p>First, install the package:</p>
<div class="language-sh highlight"><pre><span></span><code><a id="__codelineno-0-1" name="__codelineno-0-1" href="#__codelineno-0-1"></a>pip<span class="w"> </span>install<span class="w"> </span>project
<a id="__codelineno-0-2" name="__codelineno-0-2" href="#__codelineno-0-2"></a>project<span class="w"> </span>--version
</code></pre></div>
<div class="highlight"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre><span></span><span class="normal">1</span>
<span class="normal">2</span></pre></div></td><td class="code"><div><pre><span></span><code class="language-yaml"><span class="nt">a</span><span class="p">:</span>
<span class="w">  </span><span class="nt">b</span><span class="p">:</span> 1
</code></pre></div></td></tr></table></div>
<div class="admonition tip"><p class="admonition-title">Tip</p><p>Use a <code>venv</code>.</p></div>
<details class="note"><summary>More</summary><p>Folded text.</p></details>
<h2 id="options">Options<a class="headerlink" href="#options" title="Permanent link">&para;</a></h2>
<table><thead><tr><th>Name</th><th>Meaning</th></tr></thead><tbody><tr><td><code>a|b</code></td><td>either</td></tr></tbody></table>
<ul class="task-list"><li class="task-list-item"><label class="task-list-control"><input type="checkbox" disabled checked><span class="task-list-indicator"></span></label> done</li></ul>
</article></div></div></main><footer class="md-footer"><nav class="md-footer__inner"><a href="../next/" rel="next">Next</a></nav></footer></div></body></html>"##,
    );
    assert_eq!(
        document.metadata["generator"],
        "mkdocs-1.6.0, mkdocs-material-9.5"
    );
    assert_eq!(
        anchors(&document),
        [
            (1, "Install", Some("install")),
            (2, "Options", Some("options"))
        ]
    );
    assert_eq!(
        code(&document),
        [
            (Some("sh"), "pip install project\nproject --version"),
            (Some("yaml"), "a:\n  b: 1")
        ]
    );
    assert_eq!(
        document.markdown,
        "# Install\n\nFirst, install the package:\n\n```sh\npip install project\nproject --version\n```\n\n```yaml\na:\n  b: 1\n```\n\n\
         > **Tip**\n>\n> Use a `venv`.\n\n> **More**\n>\n> Folded text.\n\n## Options\n\n| Name | Meaning |\n| --- | --- |\n| `a\\|b` | either |\n\n- done\n",
    );
}

#[test]
fn mdbook() {
    let document = read(
        r##"<html lang="en" class="light sidebar-visible" dir="ltr"><head><title>Variables - The Book</title></head><body>
<div id="body-container"><nav id="sidebar" class="sidebar" aria-label="Table of contents"><ol class="chapter"><li><a href="a.html">A</a></li></ol></nav>
<div id="page-wrapper" class="page-wrapper"><div class="page"><div id="menu-bar" class="menu-bar sticky"><h1 class="menu-title">The Book</h1></div>
<div id="content" class="content"><main>
<h2 id="variables"><a class="header" href="#variables">Variables and <code>mut</code></a></h2>
<p>By default variables are immutable.</p>
<p><span class="filename">Filename: src/main.rs</span></p>
<pre><pre class="playground"><code class="language-rust ignore does_not_compile editable">fn main() {
    let x = 5;
    println!("The value is: {x}");
}</code></pre></pre>
<pre><code class="language-console">$ cargo run
error[E0384]: cannot assign twice
</code></pre>
<blockquote><p>Note: this is a quote.</p></blockquote>
<ul><li>one<ul><li>two</li></ul></li></ul>
</main><nav class="nav-wrapper" aria-label="Page navigation"><a rel="prev" href="a.html" class="mobile-nav-chapters previous">‹</a></nav></div></div></div></div></body></html>"##,
    );
    assert_eq!(
        anchors(&document),
        [(2, "Variables and mut", Some("variables"))]
    );
    assert_eq!(
        code(&document),
        [
            (
                Some("rust"),
                "fn main() {\n    let x = 5;\n    println!(\"The value is: {x}\");\n}"
            ),
            (
                Some("console"),
                "$ cargo run\nerror[E0384]: cannot assign twice"
            ),
        ],
    );
    assert!(document.markdown.starts_with("## Variables and `mut`\n\nBy default variables are immutable.\n\nFilename: src/main.rs\n\n```rust\n"));
    assert!(
        document
            .markdown
            .ends_with("> Note: this is a quote.\n\n- one\n  - two\n"),
        "{}",
        document.markdown
    );
}

#[test]
fn docusaurus() {
    let document = read(
        r##"<!doctype html><html lang="en" dir="ltr" class="docs-wrapper plugin-docs plugin-id-default docs-version-current"><head><title data-rh="true">Setup | Project</title><meta name="generator" content="Docusaurus v3.1"></head><body class="navigation-with-keyboard">
<div id="__docusaurus"><nav aria-label="Main" class="navbar navbar--fixed-top"><a class="navbar__brand" href="/">Project</a></nav>
<div id="__docusaurus_skipToContent_fallback" class="main-wrapper mainWrapper_z2l0"><div class="docsWrapper_hBAB"><aside class="theme-doc-sidebar-container docSidebarContainer_YfHR"><nav class="menu thin-scrollbar"><ul><li><a href="/docs/a">A</a></li></ul></nav></aside>
<main class="docMainContainer_TBSr"><div class="container padding-top--md padding-bottom--lg"><div class="row"><div class="col docItemCol_VOVn"><div class="docItemContainer_Djhp"><article>
<nav class="theme-doc-breadcrumbs breadcrumbsContainer_Z_bl" aria-label="Breadcrumbs"><ul class="breadcrumbs"><li class="breadcrumbs__item"><span class="breadcrumbs__link">Guides</span></li></ul></nav>
<div class="theme-doc-markdown markdown"><header><h1>Setup</h1></header>
<p>Create a site with the <a href="/docs/cli">command</a>:</p>
<div class="language-bash codeBlockContainer_Ckt0 theme-code-block" style="--prism-color:#393A34"><div class="codeBlockContent_biex"><pre tabindex="0" class="prism-code language-bash codeBlock_bY9V thin-scrollbar"><code class="codeBlockLines_e6Vv"><span class="token-line" style="color:#393A34"><span class="token function" style="color:#d73a49">npm</span><span class="token plain"> init project</span><br></span><span class="token-line" style="color:#393A34"><span class="token plain" style="display:inline-block"></span><br></span><span class="token-line" style="color:#393A34"><span class="token plain">  </span><span class="token builtin class-name">cd</span><span class="token plain"> project</span><br></span></code></pre><div class="buttonGroup__atx"><button type="button" aria-label="Copy code to clipboard" class="clean-btn"><span class="copyButtonIcons_eSgA" aria-hidden="true">Copy</span></button></div></div></div>
<h2 class="anchor anchorWithStickyNavbar_LWe7" id="run-it">Run it<a href="#run-it" class="hash-link" aria-label="Direct link to Run it" title="Direct link to Run it">&#8203;</a></h2>
<div class="theme-admonition theme-admonition-note admonition_xJq3 alert alert--secondary"><div class="admonitionHeading_Gvgb"><span class="admonitionIcon_Rf37"><svg viewBox="0 0 14 16"><path d="M6"></path></svg></span>note</div><div class="admonitionContent_BuS1"><p>It needs Node 18.</p></div></div>
</div></article><nav class="pagination-nav docusaurus-mt-lg" aria-label="Docs pages"><a class="pagination-nav__link" href="/docs/next"><div class="pagination-nav__sublabel">Next</div></a></nav></div></div></div></div></main></div></div></div></body></html>"##,
    );
    assert_eq!(
        code(&document),
        [(Some("bash"), "npm init project\n\n  cd project")]
    );
    assert_eq!(
        anchors(&document),
        [(1, "Setup", None), (2, "Run it", Some("run-it"))]
    );
    assert_eq!(
        document.markdown,
        "# Setup\n\nCreate a site with the [command](https://docs.example/docs/cli):\n\n```bash\nnpm init project\n\n  cd project\n```\n\n\
         ## Run it\n\n> **note**\n>\n> It needs Node 18.\n",
    );
}

#[test]
fn rustdoc() {
    let document = read(
        r##"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="generator" content="rustdoc"><title>swap in std::mem - Rust</title></head><body class="rustdoc fn">
<nav class="sidebar"><div class="sidebar-crate"><h2><a href="../index.html">std</a></h2></div></nav><div class="sidebar-resizer"></div>
<main><div class="width-limiter"><rustdoc-search></rustdoc-search><section id="main-content" class="content">
<div class="main-heading"><div class="rustdoc-breadcrumbs"><a href="../index.html">std</a>::<wbr><a href="index.html">mem</a></div><h1>Function <span class="fn">swap_<wbr>all</span><button id="copy-path" title="Copy item path to clipboard">Copy item path</button></h1></div>
<pre class="rust item-decl"><code>pub const fn swap_all&lt;T&gt;(x: <a class="primitive" href="../primitive.reference.html">&amp;mut T</a>)</code></pre>
<details class="toggle top-doc" open><summary class="hideme"><span>Expand description</span></summary><div class="docblock"><p>Swaps the values.</p>
<ul><li>If you want to swap with a default, see <a href="fn.take.html" title="fn std::mem::take"><code>take</code></a>.</li></ul>
<h2 id="examples"><a class="doc-anchor" href="#examples">§</a>Examples</h2>
<div class="example-wrap"><pre class="rust rust-example-rendered"><code><span class="kw">use </span>std::mem;

<span class="kw">let </span><span class="kw-2">mut </span>x = <span class="number">5</span>;
<span class="macro">assert_eq!</span>(<span class="number">5</span>, x);</code></pre></div>
</div></details></section></div></main></body></html>"##,
    );
    assert_eq!(
        code(&document),
        [
            (Some("rust"), "pub const fn swap_all<T>(x: &mut T)"),
            (
                Some("rust"),
                "use std::mem;\n\nlet mut x = 5;\nassert_eq!(5, x);"
            ),
        ],
    );
    assert_eq!(
        anchors(&document),
        [
            (1, "Function swap_all", None),
            (2, "Examples", Some("examples"))
        ]
    );
    assert!(
        document
            .markdown
            .contains("# Function swap_all\n\n```rust\npub const fn"),
        "{}",
        document.markdown
    );
    assert!(document.markdown.contains("- If you want to swap with a default, see [`take`](https://docs.example/guide/fn.take.html)."));
}

#[test]
fn docbook() {
    let document = read(
        r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head><title>2.3. Creating a Table</title><meta name="generator" content="DocBook XSL Stylesheets Vsnapshot" /></head><body id="docContent">
<div class="navheader"><table width="100%" summary="Navigation header"><tr><th colspan="3" align="center">2.3. Creating a Table</th></tr><tr><td width="10%" align="left"><a accesskey="p" href="concepts.html" title="2.2. Concepts">Prev</a> </td><td><a accesskey="u" href="sql.html">Up</a></td><td width="20%" align="right"> <a accesskey="n" href="populate.html">Next</a></td></tr></table><hr /></div>
<div class="sect1" id="TUTORIAL-TABLE"><div class="titlepage"><div><div><h2 class="title" style="clear: both">2.3. Creating a Table <a href="#TUTORIAL-TABLE" class="id_link">#</a></h2></div></div></div>
<p>You can create a table by specifying the name:</p>
<pre class="programlisting">
CREATE TABLE weather (
    city      varchar(80),  -- <em class="lineannotation"><span class="lineannotation">comment</span></em>
    temp_lo   int
);
</pre>
<p>You can enter this into <code class="command">psql</code>.</p>
<div class="variablelist"><dl class="variablelist"><dt><span class="term"><em class="parameter"><code>name</code></em></span></dt><dd><p>The name.</p></dd></dl></div>
<div class="note"><h3 class="title">Note</h3><p>Names are folded.</p></div>
<pre class="screen"><code class="prompt">=&gt; </code><strong class="userinput"><code>\d</code></strong></pre>
<div class="table" id="T1"><p class="title"><strong>Table 2.1. Types</strong></p><div class="table-contents"><table class="table" border="1"><thead><tr><th>Name</th><th>Size</th></tr></thead><tbody><tr><td rowspan="2">int</td><td>4</td></tr><tr><td>8</td></tr></tbody></table></div></div>
</div>
<div class="navfooter"><hr /><table width="100%"><tr><td><a accesskey="p" href="concepts.html">Prev</a></td><td><a accesskey="n" href="populate.html">Next</a></td></tr></table></div></body></html>"##,
    );
    assert_eq!(
        code(&document),
        [
            (
                None,
                "CREATE TABLE weather (\n    city      varchar(80),  -- comment\n    temp_lo   int\n);"
            ),
            (None, "=> \\d"),
        ],
    );
    assert_eq!(
        anchors(&document),
        [(2, "2.3. Creating a Table", Some("TUTORIAL-TABLE"))]
    );
    assert_eq!(
        document.markdown,
        "## 2.3. Creating a Table\n\nYou can create a table by specifying the name:\n\n```\nCREATE TABLE weather (\n    city      varchar(80),  -- comment\n    temp_lo   int\n);\n```\n\n\
         You can enter this into `psql`.\n\n**`name`**\n\nThe name.\n\n> **Note**\n>\n> Names are folded.\n\n```\n=> \\d\n```\n\n**Table 2.1. Types**\n\n\
         | Name | Size |\n| --- | --- |\n| int | 4 |\n| int | 8 |\n",
    );
}

#[test]
fn asciidoctor() {
    let document = read(
        r##"<!DOCTYPE html><html lang="en"><head><meta name="generator" content="Asciidoctor 2.0.20"><title>Handbook</title></head><body class="article toc2 toc-left">
<div id="header"><h1>Handbook</h1><div class="details"><span id="author" class="author">A. Writer</span><br></div><div id="toc" class="toc2"><div id="toctitle">Table of Contents</div><ul class="sectlevel1"><li><a href="#_first">First</a></li><li><a href="#_second">Second</a></li></ul></div></div>
<div id="content"><div class="sect1"><h2 id="_first"><a class="anchor" href="#_first"></a>First</h2><div class="sectionbody">
<div class="paragraph"><p>Some text of the first section, long enough to be read as text by everybody.</p></div>
<div class="listingblock"><div class="title">app.rb</div><div class="content"><pre class="rouge highlight"><code data-lang="ruby"><span class="nb">require</span> <span class="s1">'sinatra'</span>
get <span class="s1">'/hi'</span> <span class="k">do</span> <b class="conum">(1)</b>
  <span class="s2">"Hello"</span>
<span class="k">end</span></code></pre></div></div>
<div class="literalblock"><div class="content"><pre>$ ruby app.rb</pre></div></div>
<div class="admonitionblock note"><table><tr><td class="icon"><div class="title">Note</div></td><td class="content">Mind the gap.</td></tr></table></div>
<div class="olist arabic"><ol class="arabic" start="3"><li><p>three</p></li><li><p>four</p></li></ol></div>
<div class="dlist"><dl><dt class="hdlist1">CPU</dt><dd><p>The brain.</p></dd></dl></div>
</div></div><div class="sect1"><h2 id="_second"><a class="anchor" href="#_second"></a>Second</h2><div class="sectionbody"><div class="paragraph"><p>Use <code>a_b_c</code> and <strong>bold</strong>, <em>soft</em>.</p></div></div></div></div>
<div id="footer"><div id="footer-text">Last updated 2024-01-01</div></div></body></html>"##,
    );
    assert_eq!(
        code(&document),
        [
            (
                Some("ruby"),
                "require 'sinatra'\nget '/hi' do (1)\n  \"Hello\"\nend"
            ),
            (None, "$ ruby app.rb")
        ],
    );
    assert_eq!(
        anchors(&document),
        [
            (1, "Handbook", Some("header")),
            (2, "First", Some("_first")),
            (2, "Second", Some("_second"))
        ]
    );
    assert!(
        document
            .markdown
            .contains("> **Note**\n>\n> Mind the gap.\n\n3. three\n4. four\n"),
        "{}",
        document.markdown
    );
    assert!(
        document
            .markdown
            .ends_with("Use `a_b_c` and **bold**, *soft*.\n")
    );
}

#[test]
fn code_in_other_dress() {
    let document = read(
        r##"<main><h1>Code</h1><p>Some words around all of this code, so that there is a text.</p>
<pre class="brush: js; gutter: false">var a = 1;</pre>
<div class="sourceCode" id="cb1"><pre class="sourceCode haskell"><code class="sourceCode haskell"><span id="cb1-1"><a href="#cb1-1" aria-hidden="true" tabindex="-1"></a><span class="ot">main ::</span> <span class="dt">IO</span> ()</span>
<span id="cb1-2"><a href="#cb1-2" aria-hidden="true" tabindex="-1"></a>main <span class="ot">=</span> <span class="fu">return</span> ()</span></code></pre></div>
<div class="highlight highlight-source-shell"><pre>ls -l</pre></div>
<pre data-language="TOML"><code><div class="line">[a]</div><div class="line">b = 1</div></code></pre>
<table class="rouge-table"><tbody><tr><td class="gutter gl"><pre class="lineno">1
2
</pre></td><td class="code"><pre>x
y
</pre></td></tr></tbody></table>
<table class="js-file-line-container"><tr><td id="L1" class="blob-num js-line-number" data-line-number="1"></td><td id="LC1" class="blob-code">fn a() {</td></tr><tr><td id="L2" class="blob-num" data-line-number="2"></td><td id="LC2" class="blob-code">}</td></tr></table>
<pre><code class="hljs python"><ol><li>import a</li><li>    b()</li></ol></code></pre>
<pre>no&nbsp;language
&nbsp;&nbsp;indent ``` ````</pre>
<pre class="code-toolbar"><button class="copy">Copy</button><code>kept<span class="line-numbers-rows" aria-hidden="true"><span></span></span></code></pre>
<figure class="highlight"><table><tr><td class="gutter"><pre><span class="line">1</span><br><span class="line">2</span><br></pre></td><td class="code"><pre><span class="line">p</span><br><span class="line">q</span><br></pre></td></tr></table></figure>
</main>"##,
    );
    assert_eq!(
        code(&document),
        [
            (Some("js"), "var a = 1;"),
            (Some("haskell"), "main :: IO ()\nmain = return ()"),
            (Some("shell"), "ls -l"),
            (Some("toml"), "[a]\nb = 1"),
            (None, "x\ny"),
            (None, "fn a() {\n}"),
            (Some("python"), "import a\n    b()"),
            (None, "no\u{a0}language\n  indent ``` ````"),
            (None, "kept"),
            (None, "p\nq"),
        ],
    );
    assert!(
        document
            .markdown
            .contains("`````\nno\u{a0}language\n  indent ``` ````\n`````\n")
    );
}
