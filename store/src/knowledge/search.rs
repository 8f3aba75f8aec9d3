//! Full-text search: passages by the words of a question. A rare word counts for more than a common one, a heading for more than a text, and a short
//! passage for more than a long one with the same words. Three passages of a document come before the fourth of any, so that one document with much to say
//! does not hide the others.

use chrono::{DateTime, Utc};
use computetower_jobs::{DocumentId, SourceId, TenantId};

use super::query::{Query, scope, snippet};
use crate::connect::Store;
use crate::error::StoreError;

/// Passages with a word that are counted: beyond it, how common the word is makes no difference.
const COUNTED: i64 = 3_000;
/// Bytes of a snippet.
const SNIPPET: usize = 280;

/// Where and how much is looked for.
#[derive(Clone, Debug, Default)]
pub struct SearchFilter {
    /// Only in these sources; in all of the tenant's when empty.
    pub sources: Vec<SourceId>,
    /// Only in documents of this language.
    pub language: Option<String>,
    /// Only in documents whose address begins so.
    pub url_prefix: Option<String>,
    /// How many are left out.
    pub offset: i64,
    /// At most so many, 1 to 101.
    pub limit: i64,
}

/// A passage that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Of which document.
    pub document: DocumentId,
    /// Of which source.
    pub source: SourceId,
    /// Which passage of the document, 0 for the first.
    pub number: i32,
    /// What the document calls itself.
    pub title: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
    /// The fragment that leads to the passage.
    pub anchor: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// The headings above the passage.
    pub heading_path: Vec<String>,
    /// The passage.
    pub text: String,
    /// A part of it, as HTML, with the words marked.
    pub snippet: String,
    /// Higher is better; only to be compared within one answer.
    pub score: f64,
    /// When the document last changed.
    pub changed_at: DateTime<Utc>,
}

impl Store {
    /// The passages that answer a question best, best first. Empty when nothing in the question can be looked for.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn search_knowledge(
        &self,
        tenant: TenantId,
        text: &str,
        filter: &SearchFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let sources: Vec<uuid::Uuid> = filter.sources.iter().map(|id| id.0).collect();
        let languages = self.languages(tenant, &sources).await?;
        let query = Query::read(text, &languages);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let scope = scope(tenant, &filter.sources);
        let counts = self.count_terms(tenant, &scope, &query.terms).await?;
        let wanted = candidates(&query, &counts);
        let weights: Vec<f64> = counts.iter().map(|count| weight(*count)).collect();
        // Not as the tenant's role: a policy would keep the index from being used. The words of the tenant are a part of what is looked up, and its id
        // is compared besides.
        let rows = sqlx::query_as!(
            Found,
            r#"with found as materialized (
                   select c.document_id, c.number, c.source_id, c.heading_path, c.anchor, c.text,
                          (select sum(t.weight * ts_rank('{0.3, 0.5, 0.7, 1.0}', c.search, t.term::tsquery, 1))
                           from unnest($3::text[], $4::float8[]) as t (term, weight)) as score
                   from knowledge_chunks c
                   where c.search @@ ($1::text::tsquery && $2::text::tsquery) and c.tenant_id = $5
               )
               select f.document_id, f.number, f.source_id, f.heading_path, f.anchor, f.text, f.score as "score!", d.title, d.url, d.language, d.changed_at
               from (select *, row_number() over (partition by document_id order by score desc, number) as place from found) f
               join knowledge_documents d on d.id = f.document_id
               where ($6::text is null or d.language = $6) and ($7::text is null or starts_with(d.url, $7))
               order by (f.place - 1) / 3, f.score desc, f.document_id, f.number offset $8 limit $9"#,
            scope,
            wanted,
            &query.terms,
            &weights,
            tenant.0,
            filter.language,
            filter.url_prefix,
            filter.offset,
            filter.limit.clamp(1, 101)
        )
        .fetch_all(&self.system)
        .await?;
        let marked =
            |text: &str, language: Option<&str>| snippet(text, &query.forms, language, SNIPPET);
        Ok(rows.into_iter().map(|row| hit(row, marked)).collect())
    }

    /// The languages of these sources, or of all of the tenant's. English is among them before anything was counted.
    async fn languages(
        &self,
        tenant: TenantId,
        sources: &[uuid::Uuid],
    ) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query_scalar!(
            r#"select distinct l as "language!" from knowledge_sources s, unnest(s.languages || '{en}'::text[]) l
               where s.tenant_id = $1 and (cardinality($2::uuid[]) = 0 or s.id = any($2)) order by 1"#,
            tenant.0,
            sources
        );
        Ok(found.fetch_all(&self.system).await?)
    }

    /// In how many passages each term stands, at most [`COUNTED`].
    async fn count_terms(
        &self,
        tenant: TenantId,
        scope: &str,
        terms: &[String],
    ) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"select (select count(*) from (select 1 from knowledge_chunks c
                       where c.search @@ ($1::text::tsquery && t.term::tsquery) and c.tenant_id = $2 limit $4) counted) as "count!"
               from unnest($3::text[]) with ordinality as t (term, place) order by t.place"#,
            scope,
            tenant.0,
            terms,
            COUNTED
        )
        .fetch_all(&self.system)
        .await?)
    }
}

struct Found {
    document_id: uuid::Uuid,
    number: i32,
    source_id: uuid::Uuid,
    heading_path: Vec<String>,
    anchor: Option<String>,
    text: String,
    score: f64,
    title: Option<String>,
    url: Option<String>,
    language: Option<String>,
    changed_at: DateTime<Utc>,
}

fn hit(row: Found, snippet: impl Fn(&str, Option<&str>) -> String) -> Hit {
    Hit {
        document: DocumentId(row.document_id),
        source: SourceId(row.source_id),
        number: row.number,
        snippet: snippet(&row.text, row.language.as_deref()),
        title: row.title,
        url: row.url,
        anchor: row.anchor,
        language: row.language,
        heading_path: row.heading_path,
        text: row.text,
        score: row.score,
        changed_at: row.changed_at,
    }
}

/// What a term says that stands in so many passages: as much less as there are more of them.
fn weight(count: i64) -> f64 {
    // The number of all passages makes all terms weigh more or less alike, so any will do that is larger.
    let all = (COUNTED * 10) as f64;
    (1.0 + (all - count as f64 + 0.5) / (count as f64 + 0.5)).ln()
}

/// Which passages are ranked, as a `tsquery`: those with any of the rare terms, and those with all terms. A passage that has nothing but some of the common
/// ones is no answer, and there would be too many.
fn candidates(query: &Query, counts: &[i64]) -> String {
    let all = query.terms.join(" & ");
    let rare: Vec<&str> = query
        .terms
        .iter()
        .zip(counts)
        .filter(|(_, count)| (1..COUNTED).contains(*count))
        .map(|(term, _)| term.as_str())
        .collect();
    let mut wanted = if rare.is_empty() {
        // Of several common terms those that are there at all.
        let there: Vec<&str> = query
            .terms
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0)
            .map(|(term, _)| term.as_str())
            .collect();
        if there.is_empty() {
            all
        } else {
            there.join(" & ")
        }
    } else {
        format!("{} | ({all})", rare.join(" | "))
    };
    for term in &query.required {
        wanted = format!("({wanted}) & {term}");
    }
    for term in &query.excluded {
        wanted = format!("({wanted}) & !{term}");
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_term_says_more_than_a_common_one() {
        assert!(weight(1) > weight(100) && weight(100) > weight(COUNTED) && weight(COUNTED) > 0.0);
    }

    #[test]
    fn passages_with_nothing_but_common_terms_are_no_candidates() {
        let query = Query::read("parse json \"big file\" -xml", &[]);
        let wanted = candidates(&query, &[COUNTED, 12, 0]);
        assert!(
            wanted.starts_with("(((('json')) | ((('parse')) & "),
            "{wanted}"
        );
        assert!(wanted.ends_with("& !(('xml'))"), "{wanted}");
    }
}
