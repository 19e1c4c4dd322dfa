//! Operators' tokens: who shows one, and what they may do with it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac};
use read_model::operator_tokens::{self, TokenRow};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::problem::Answer;

/// How long a look at the table is good for: a token that is made or revoked takes that long.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read everything.
    Viewer,
    /// Change things, too.
    Operator,
}

impl Role {
    fn read(text: &str) -> Option<Self> {
        match text {
            "viewer" => Some(Self::Viewer),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }

    /// The name that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Somebody who has shown a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The actor of what they change.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// SHA-256 of the token.
    hash: [u8; 32],
}

/// The tokens there are: that of the setting, and those of the table.
pub struct Tokens {
    setting: Operator,
    table: Mutex<Option<(Instant, Arc<[Operator]>)>>,
}

impl Tokens {
    /// With the setting's token.
    pub fn new(setting: &str) -> Self {
        let hash = Sha256::digest(setting.as_bytes()).into();
        let setting = Operator { name: "operator".to_owned(), role: Role::Operator, hash };
        Self { setting, table: Mutex::default() }
    }

    /// Whose token this is. Compared by hash, with each there is, so that neither its length nor how
    /// much of it is right shows in the time that it takes.
    pub async fn whose(&self, token: &str, pool: &PgPool) -> Answer<Option<Operator>> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.find(pool, |known| known.hash.ct_eq(&hash).into()).await
    }

    /// Whose session this is, if it is one of ours and not over.
    pub async fn whose_session(&self, session: &str, pool: &PgPool) -> Answer<Option<Operator>> {
        let Some((expires, seal)) = session.split_once('.') else { return Ok(None) };
        let is_over = expires.parse::<i64>().map_or(true, |expires| expires <= now());
        let Some(seal) = hex::decode(seal).ok().filter(|_| !is_over) else { return Ok(None) };
        self.find(pool, |known| self.seal(known, expires).verify_slice(&seal).is_ok()).await
    }

    /// A session of `operator` that lasts for `lasts`. It is sealed with the setting's token and
    /// with the operator's: it ends when either is replaced, and reading the table makes none.
    pub fn session(&self, operator: &Operator, lasts: Duration) -> String {
        let expires = now().saturating_add_unsigned(lasts.as_secs()).to_string();
        let seal = self.seal(operator, &expires).finalize().into_bytes();
        format!("{expires}.{}", hex::encode(seal))
    }

    fn seal(&self, operator: &Operator, expires: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut seal =
            Hmac::<Sha256>::new_from_slice(&self.setting.hash).expect("a key of any length fits");
        seal.update(b"operator session\0");
        seal.update(&operator.hash);
        seal.update(expires.as_bytes());
        seal
    }

    async fn find(
        &self,
        pool: &PgPool,
        is_theirs: impl Fn(&Operator) -> bool,
    ) -> Answer<Option<Operator>> {
        // The setting's token is known without asking anybody: it works while Postgres does not.
        if is_theirs(&self.setting) {
            return Ok(Some(self.setting.clone()));
        }
        let table = self.table(pool).await?;
        // All of them, whichever it is.
        Ok(table.iter().filter(|known| is_theirs(known)).last().cloned())
    }

    async fn table(&self, pool: &PgPool) -> Answer<Arc<[Operator]>> {
        let mut kept = self.table.lock().await;
        if let Some((at, table)) = &*kept
            && at.elapsed() < GOOD_FOR
        {
            return Ok(Arc::clone(table));
        }
        let rows = operator_tokens::tokens(pool).await?;
        let table: Arc<[Operator]> = rows.into_iter().filter_map(known).collect();
        *kept = Some((Instant::now(), Arc::clone(&table)));
        Ok(table)
    }
}

fn known(row: TokenRow) -> Option<Operator> {
    let (role, hash) = (Role::read(&row.role)?, row.token_hash.try_into().ok()?);
    Some(Operator { name: row.name, role, hash })
}

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connects to nothing, so that only the setting's token can be known.
    fn nowhere() -> PgPool {
        let pool = sqlx::postgres::PgPoolOptions::new().acquire_timeout(Duration::from_millis(50));
        pool.connect_lazy("postgres://127.0.0.1:1/none").unwrap()
    }

    #[tokio::test]
    async fn the_settings_token_works_while_postgres_does_not() {
        let (tokens, pool) = (Tokens::new("the token"), nowhere());
        let operator = tokens.whose("the token", &pool).await.unwrap().unwrap();
        assert_eq!((operator.name.as_str(), operator.role), ("operator", Role::Operator));
        assert!(tokens.whose("another", &pool).await.is_err());
    }

    #[tokio::test]
    async fn a_session_is_one_tokens_for_a_while() {
        let (tokens, pool) = (Tokens::new("the token"), nowhere());
        let operator = tokens.whose("the token", &pool).await.unwrap().unwrap();
        let session = tokens.session(&operator, Duration::from_mins(1));
        assert_eq!(tokens.whose_session(&session, &pool).await.unwrap(), Some(operator.clone()));
        // Over, without a question to anybody.
        let over = tokens.session(&operator, Duration::ZERO);
        assert_eq!(tokens.whose_session(&over, &pool).await.unwrap(), None);
        for forged in ["", ".", "99999999999", "99999999999.", "99999999999.zz"] {
            let known = tokens.whose_session(forged, &pool).await;
            assert!(!matches!(known, Ok(Some(_))), "{forged}");
        }
        let later = session.replacen(|c: char| c.is_ascii_digit(), "9", 1);
        assert!(!matches!(tokens.whose_session(&later, &pool).await, Ok(Some(_))));
        let rotated = Tokens::new("the next token");
        assert!(!matches!(rotated.whose_session(&session, &pool).await, Ok(Some(_))));
    }
}
