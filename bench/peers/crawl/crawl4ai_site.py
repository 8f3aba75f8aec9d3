"""Crawl4AI by plain HTTP: crawl4ai_site.py START OUT. Every page below START to Markdown, kept nowhere.

Its own pace is five requests at once and a pause before each; here it has twenty and no pause. It cannot read a page that begins with an XML
declaration, as all of PostgreSQL's documentation does, so that line is taken away before it sees it.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

from crawl4ai import AsyncWebCrawler, BrowserConfig, CacheMode, CrawlerRunConfig, MemoryAdaptiveDispatcher
from crawl4ai.async_crawler_strategy import AsyncHTTPCrawlerStrategy
from crawl4ai.deep_crawling import BFSDeepCrawlStrategy
from crawl4ai.deep_crawling.filters import FilterChain, URLPatternFilter

START, OUT = sys.argv[1:3]


class WithoutDeclaration(AsyncHTTPCrawlerStrategy):
    async def crawl(self, url, config=None, **others):
        answer = await super().crawl(url, config, **others)
        if answer.html.startswith("<?xml"):
            answer.html = answer.html.split("?>", 1)[1]
        return answer


class WithoutPause(AsyncWebCrawler):
    async def arun_many(self, urls, config=None, dispatcher=None, **others):
        return await super().arun_many(urls, config=config, dispatcher=MemoryAdaptiveDispatcher(max_session_permit=20), **others)


async def main():
    below = FilterChain([URLPatternFilter(patterns=[START + "*"])])
    every = BFSDeepCrawlStrategy(max_depth=1_000_000, max_pages=float("inf"), include_external=False, filter_chain=below)
    config = CrawlerRunConfig(cache_mode=CacheMode.BYPASS, check_robots_txt=False, verbose=False, stream=True, deep_crawl_strategy=every)
    read = {"paths": [], "characters": 0, "empty": 0}
    async with WithoutPause(crawler_strategy=WithoutDeclaration(), config=BrowserConfig(headless=True, verbose=False)) as crawler:
        began = time.monotonic()
        async for page in await crawler.arun(START, config=config):
            if not page.success:
                continue
            markdown = page.markdown.raw_markdown if page.markdown else ""
            read["paths"].append(urlsplit(page.url).path)
            read["characters"] += len(markdown)
            read["empty"] += not markdown
        seconds = time.monotonic() - began
    with open(OUT, "w") as out:
        json.dump({**read, "seconds": seconds}, out)


asyncio.run(main())
