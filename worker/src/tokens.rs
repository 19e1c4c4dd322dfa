//! `worker token`: makes tokens for operators, lists them, revokes them. Only their hashes are kept.

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, Row};

/// What may be done with a token.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read everything, change nothing.
    Viewer,
    /// Read and change.
    Operator,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// What `worker token` can be asked for.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum TokenCommand {
    /// Makes a token and prints it, once. A name may have two, while one replaces the other.
    Add {
        /// Whose it is: the actor of what is done with it.
        #[arg(long)]
        name: String,
        /// What may be done with it.
        #[arg(long)]
        role: Role,
    },
    /// Lists all tokens, without what they are.
    List,
    /// Ends tokens within a second, and the sessions that were begun with them.
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Revoke {
        /// All tokens of this name.
        #[arg(long, group = "which")]
        name: Option<String>,
        /// The token that `list` shows with this id.
        #[arg(long, group = "which")]
        id: Option<String>,
    },
}

/// Does what is asked for; answers what is to be printed.
///
/// # Errors
/// When the name can't be one, when there is no such token, or Postgres can't be asked.
pub async fn tokens(database_url: &str, command: &TokenCommand) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(database_url)
        .await
        .context("Postgres can't be reached: look at DATABASE_URL, and whether it runs")?;
    let told = match command {
        TokenCommand::Add { name, role } => add(&mut connection, name, *role).await?,
        TokenCommand::List => list(&mut connection).await?,
        TokenCommand::Revoke { name, id } => {
            revoke(&mut connection, name.as_deref(), id.as_deref()).await?
        }
    };
    connection.close().await?;
    Ok(told)
}

/// Names that the audit has for others.
const TAKEN: [&str; 3] = ["operator", "reconcile", "command-line"];

async fn add(connection: &mut PgConnection, name: &str, role: Role) -> anyhow::Result<String> {
    ensure!(!TAKEN.contains(&name), "'{name}' is taken: it stands for something else in the audit");
    let plain = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
    ensure!(
        name.len() <= 64 && name.chars().all(plain) && name.starts_with(char::is_alphanumeric),
        "a name is 1 to 64 letters, digits and '._@-', and begins with a letter or a digit"
    );
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("make a token: {error}"))?;
    // What it begins with is for those who look for secrets that have got somewhere.
    let token = format!("holdfast_{}", URL_SAFE_NO_PAD.encode(bytes));
    sqlx::query(
        "with made as (
            insert into operator_tokens (token_hash, name, role) values ($1, $2, $3)
            returning name, role
        )
        insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
        select gen_random_uuid(), 'add_token', 'command-line', 'token added', name,
            jsonb_build_object('name', name, 'role', role), '{}'
        from made",
    )
    .bind(Sha256::digest(token.as_bytes()).as_slice())
    .bind(name)
    .bind(role.as_str())
    .execute(connection)
    .await
    .context("keep the token: has `worker setup` been run?")?;
    Ok(token)
}

async fn list(connection: &mut PgConnection) -> anyhow::Result<String> {
    let rows = sqlx::query(
        "select left(encode(token_hash, 'hex'), 12) as id, name, role,
            to_char(created_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') as created,
            coalesce(to_char(revoked_at at time zone 'utc', 'YYYY-MM-DD HH24:MI'), '-') as revoked
         from operator_tokens order by created_at, name",
    )
    .fetch_all(connection)
    .await?;
    let mut told = format!("{:14}{:24}{:10}{:18}revoked (UTC)", "id", "name", "role", "made (UTC)");
    for row in rows {
        let text = |name: &str| row.get::<String, _>(name);
        let line = format!(
            "\n{:14}{:24}{:10}{:18}{}",
            text("id"),
            text("name"),
            text("role"),
            text("created"),
            text("revoked")
        );
        told.push_str(&line);
    }
    Ok(told)
}

async fn revoke(
    connection: &mut PgConnection,
    name: Option<&str>,
    id: Option<&str>,
) -> anyhow::Result<String> {
    let revoked: i64 = sqlx::query_scalar(
        "with revoked as (
            update operator_tokens set revoked_at = now()
            where revoked_at is null and (name = $1 or left(encode(token_hash, 'hex'), 12) = $2)
            returning name, role
        ), audit as (
            insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
            select gen_random_uuid(), 'revoke_token', 'command-line', 'token revoked', name,
                jsonb_build_object('name', name, 'role', role), '{}'
            from revoked
        )
        select count(*) from revoked",
    )
    .bind(name)
    .bind(id)
    .fetch_one(connection)
    .await?;
    ensure!(revoked > 0, "no such token is in force: `worker token list` shows them");
    Ok(format!("revoked {revoked}"))
}
