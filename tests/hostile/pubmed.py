"""PubMed in hostile hands: a record for every PMID, all its fields payloads, and answers that are none."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from biom_demo.pubmed.local_server import DOCTYPE, Parameters, Reply
from tests.entrez_server import EntrezServer, entrez_server
from tests.hostile import inputs

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
RELATIONS = (
    "RetractionIn",
    "ExpressionOfConcernIn",
    "ErratumIn",
    "CommentOn",
    "UpdateIn",
    "<svg onload=qzx7()>",
)
XML = {"Content-Type": "text/xml; charset=UTF-8"}
# Answers instead of records, by a digit of the PMID; most PMIDs have a record.
BOMB = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
BROKEN = {
    "1": f'<!DOCTYPE x [<!ENTITY e0 "qzx7">{BOMB}]><PubmedArticleSet>&e9;</PubmedArticleSet>',
    "2": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><PubmedArticleSet>&e;</PubmedArticleSet>',
    "3": "<PubmedArticleSet>" + "<a>" * 20_000,
    "4": "<PubmedArticleSet>" + "<b>" * 2_000 + "</b>" * 2_000 + "</PubmedArticleSet>",
    "5": "<html><script>qzx7(1)</script></html>",
    "6": "<PubmedArticleSet><PubmedArticle/><PubmedBookArticle/></PubmedArticleSet>",
    "7": "<ERROR><svg onload=qzx7(1)></ERROR>",
    "8": "",
}

# "@" stands for an attribute's value, "§" for a text.
ARTICLE = """<PubmedArticle><MedlineCitation Status=@><PMID Version=@>THE_PMID</PMID>
<Article PubModel=@><Journal><ISSN IssnType=@>§</ISSN>
<JournalIssue CitedMedium=@><Volume>§</Volume><Issue>§</Issue>
<PubDate><Year>§</Year><Month>§</Month><MedlineDate>§</MedlineDate></PubDate></JournalIssue>
<Title>§</Title><ISOAbbreviation>§</ISOAbbreviation></Journal>
<ArticleTitle>§</ArticleTitle><VernacularTitle>§</VernacularTitle><Pagination><MedlinePgn>§</MedlinePgn></Pagination>
<ELocationID EIdType="doi" ValidYN=@>§</ELocationID>
<Abstract><AbstractText Label=@ NlmCategory=@>§ The gene is CFTR. §</AbstractText>
<AbstractText Label=@>§</AbstractText><CopyrightInformation>§</CopyrightInformation></Abstract>
<AuthorList><Author><LastName>§</LastName><ForeName>§</ForeName><Initials>§</Initials>
<AffiliationInfo><Affiliation>§</Affiliation></AffiliationInfo></Author>
<Author><CollectiveName>§</CollectiveName></Author></AuthorList><Language>§</Language>
<DataBankList><DataBank><DataBankName>§</DataBankName></DataBank></DataBankList>
<PublicationTypeList><PublicationType UI=@>§</PublicationType>
<PublicationType>Retracted Publication</PublicationType></PublicationTypeList></Article>
<MedlineJournalInfo><MedlineTA>§</MedlineTA><NlmUniqueID>§</NlmUniqueID></MedlineJournalInfo>
<ChemicalList><Chemical><NameOfSubstance UI=@>§</NameOfSubstance></Chemical></ChemicalList>
<CommentsCorrectionsList>
<CommentsCorrections RefType=RELATION><RefSource>§</RefSource><PMID>§</PMID><Note>§</Note>
</CommentsCorrections>
<CommentsCorrections RefType=RELATION><RefSource>§</RefSource><PMID>7</PMID></CommentsCorrections>
<CommentsCorrections RefType=@><RefSource>§</RefSource></CommentsCorrections></CommentsCorrectionsList>
<MeshHeadingList><MeshHeading><DescriptorName UI=@>§</DescriptorName><QualifierName>§</QualifierName>
</MeshHeading>
</MeshHeadingList><KeywordList Owner=@><Keyword>§</Keyword></KeywordList>
<OtherAbstract Type=@ Language=@><AbstractText>§</AbstractText></OtherAbstract></MedlineCitation>
<PubmedData><PublicationStatus>§</PublicationStatus><ArticleIdList>
<ArticleId IdType="doi">10.5555/§</ArticleId><ArticleId IdType="pmc">§</ArticleId>
<ArticleId IdType=@>§</ArticleId>
</ArticleIdList></PubmedData></PubmedArticle>"""


class HostileLibrary:
    """In the place of ``local_server.Library``: what it answers depends on the seed and the request alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def answer(self, service: str, parameters: Parameters) -> Reply:
        """What NCBI would answer, were it hostile."""
        asked = parameters.get("id") or parameters.get("ids") or parameters.get("term", "")
        random = Random(f"{self.seed}/{service}/{asked}")
        if service == "esearch":
            return 200, XML, found(random).encode()
        if service == "idconv":
            rows = [{"pmcid": i, "doi": i, "pmid": random.randrange(1, 10**8)} for i in asked.split(",")]
            return 200, {"Content-Type": "application/json"}, json.dumps({"records": rows}).encode()
        if service != "efetch":
            return 404, {"Content-Type": "text/plain"}, b"no such service"
        pmids = asked.split(",")
        if len(pmids) == 1 and pmids[0].endswith("99"):
            return self._broken(pmids[0])
        body = "".join(article(pmid, Random(f"{self.seed}/record/{pmid}")) for pmid in pmids)
        return 200, XML, f"{DOCTYPE}<PubmedArticleSet>{body}</PubmedArticleSet>".encode()

    def _broken(self, pmid: str) -> Reply:
        body = BROKEN.get(pmid[-3:-2], "<").encode()
        if pmid[-4:-3] in "12":  # a small answer that is large once unpacked
            return 200, XML | {"Content-Encoding": "gzip"}, gzip.compress(body + b" " * 20_000_000)
        return 200, XML, body


def found(random: Random) -> str:
    """PubMed's answer to a search: a few PMIDs, and payloads in all that it says of the query."""
    ids = "".join(f"<Id>{random.randrange(1, 10**8)}</Id>" for _ in range(random.randrange(6)))
    said = "".join(
        f"<{tag}>{field(random)}</{tag}>" for tag in ("PhraseNotFound", "FieldNotFound", "PhraseIgnored")
    )
    return (
        f"<eSearchResult><Count>{random.choice((7, 10**30, -1, 'x'))}</Count><IdList>{ids}</IdList>"
        f"<QueryTranslation>{field(random)}</QueryTranslation><ErrorList>{said}</ErrorList>"
        f"<WarningList><OutputMessage>{field(random)}</OutputMessage></WarningList></eSearchResult>"
    )


def field(random: Random, number: int | None = None) -> str:
    """Text of a record as it stands in XML: most escaped, some with PubMed's own inline markup around it."""
    made = escape(NOT_IN_XML.sub("", inputs.payload(random, number)))
    return random.choice((made, made, f"<i>{made}</i>", f"x<sup>{made}</sup>", f"<b>{made}</b> CFTR"))


def article(pmid: str, random: Random, number: int | None = None) -> str:
    """A record in PubMed's XML, every field of which is a payload; the payload of that number where given."""

    def filled(mark: re.Match[str]) -> str:
        if mark[0] == "@":
            return quoteattr(NOT_IN_XML.sub("", inputs.payload(random, number)))
        if mark[0] == "RELATION":
            return quoteattr(random.choice(RELATIONS))
        return pmid if mark[0] == "THE_PMID" else field(random, number)

    return re.sub("@|§|RELATION|THE_PMID", filled, ARTICLE)


@contextmanager
def hostile_entrez(seed: int) -> Iterator[EntrezServer]:
    """A running server with a hostile record for every PMID."""
    library: Any = HostileLibrary(seed)
    with entrez_server([]) as server:
        server.library = library
        yield server
