//! Who changed what, and why.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// A change.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRow {
    /// The operator's id of it.
    pub change_id: Uuid,
    /// What was changed.
    pub kind: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The order, product, webhook event or token that it is about.
    pub subject: Option<String>,
    /// What was asked for.
    pub request: Value,
    /// What came of it.
    pub outcome: Value,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Which changes are looked for.
#[derive(Clone, Debug, Default)]
pub struct AuditSearch {
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those by this actor.
    pub actor: Option<String>,
    /// Those about this.
    pub subject: Option<String>,
}

/// Changes, newest first, those before `before`.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn audit(
    pool: &PgPool,
    search: &AuditSearch,
    before: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<AuditRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        AuditRow,
        "select change_id, kind, actor, reason, subject, request, outcome, at
         from operator_changes
         where (at, change_id) < (coalesce($1, 'infinity'::timestamptz),
                coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           and ($3::text is null or kind = $3)
           and ($4::text is null or actor = $4)
           and ($5::text is null or subject = $5)
         order by at desc, change_id desc
         limit $6",
        at,
        id,
        search.kind.as_deref(),
        search.actor.as_deref(),
        search.subject.as_deref(),
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
