CREATE TABLE arena_schema (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
)
--
CREATE TABLE proposals (
    id VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    problem VARCHAR(128) NOT NULL,
    challenger_version INTEGER NOT NULL,
    challenger_digest VARCHAR(64) NOT NULL,
    champion_version INTEGER,
    champion_digest VARCHAR(64),
    holdout_digest VARCHAR(64) NOT NULL,
    policy_digest VARCHAR(64) NOT NULL,
    hypothesis_digest VARCHAR(64) NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    bundle_digest VARCHAR(64) NOT NULL,
    evidence_digest VARCHAR(64) NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    expires_at VARCHAR(27) NOT NULL,
    owner TEXT NOT NULL,
    gates TEXT NOT NULL,
    hypothesis TEXT,
    round TEXT NOT NULL,
    summary TEXT NOT NULL,
    disposition VARCHAR(16) NOT NULL,
    effect VARCHAR(16) NOT NULL,
    decided_by TEXT,
    decided_at VARCHAR(27),
    reason TEXT NOT NULL,
    self_approved BOOLEAN NOT NULL,
    row_version INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT known_kind CHECK (kind IN ('bootstrap', 'promotion', 'rollback', 'override', 'adopt')),
    CONSTRAINT known_verdict CHECK (verdict IN ('pass', 'fail', 'inconclusive', 'invalid')),
    CONSTRAINT known_disposition CHECK (disposition IN ('open', 'approved', 'rejected', 'expired', 'superseded', 'withdrawn', 'invalidated')),
    CONSTRAINT known_effect CHECK (effect IN ('none', 'applying', 'applied', 'apply_failed', 'rolled_back')),
    CONSTRAINT who_and_when CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT closed_is_decided CHECK ((disposition = 'open') = (decided_by IS NULL)),
    CONSTRAINT only_approved_has_effect CHECK ((disposition = 'approved') = (effect <> 'none')),
    CONSTRAINT only_pass_approved CHECK (disposition <> 'approved' OR verdict = 'pass' OR kind = 'override'),
    CONSTRAINT only_approval_self_approved CHECK (disposition = 'approved' OR NOT self_approved),
    CONSTRAINT rejection_has_reason CHECK (disposition <> 'rejected' OR trim(reason) <> ''),
    CONSTRAINT champion_whole CHECK ((champion_version IS NULL) = (champion_digest IS NULL)),
    CONSTRAINT bootstrap_without_champion CHECK (kind <> 'bootstrap' OR champion_version IS NULL),
    CONSTRAINT others_with_champion CHECK (kind NOT IN ('promotion', 'override', 'rollback') OR champion_version IS NOT NULL),
    CONSTRAINT expires_later CHECK (expires_at > created_at),
    CONSTRAINT row_version_counts CHECK (row_version >= 1)
)
--
CREATE INDEX proposals_of_problem ON proposals (problem, disposition)
--
CREATE UNIQUE INDEX one_open_per_evidence ON proposals (evidence_digest) WHERE disposition = 'open'
--
CREATE UNIQUE INDEX one_applying_per_problem ON proposals (problem) WHERE effect = 'applying'
--
CREATE OR REPLACE FUNCTION arena_refuse() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
--
CREATE TRIGGER proposals_no_delete BEFORE DELETE ON proposals FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TRIGGER proposals_evidence_stays BEFORE UPDATE OF id, kind, problem, challenger_version, challenger_digest, champion_version, champion_digest, holdout_digest, policy_digest, hypothesis_digest, verdict, bundle_digest, evidence_digest, created_at, expires_at, owner, gates, hypothesis, round, summary ON proposals FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE hypothesis_locks (
    problem VARCHAR(128) NOT NULL,
    hypothesis_id VARCHAR(128) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    by TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (problem, hypothesis_id)
)
--
CREATE TRIGGER hypothesis_locks_append_only BEFORE UPDATE OR DELETE ON hypothesis_locks FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE snapshots (
    problem VARCHAR(128) NOT NULL,
    dataset_version VARCHAR(128) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    holdout_digest VARCHAR(64) NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (problem, dataset_version)
)
--
CREATE TRIGGER snapshots_append_only BEFORE UPDATE OR DELETE ON snapshots FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE events (
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    previous VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (previous),
    UNIQUE (hash)
)
--
CREATE INDEX events_of_subject ON events (kind, subject)
--
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE decisions (
    seq SERIAL NOT NULL,
    proposal_id VARCHAR(64) NOT NULL,
    action VARCHAR(16) NOT NULL,
    by TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    reason TEXT NOT NULL,
    evidence_digest VARCHAR(64) NOT NULL,
    self_approved BOOLEAN NOT NULL,
    PRIMARY KEY (seq),
    FOREIGN KEY(proposal_id) REFERENCES proposals (id)
)
--
CREATE UNIQUE INDEX one_decision_per_proposal ON decisions (proposal_id)
--
CREATE TRIGGER decisions_append_only BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE pointer_moves (
    seq SERIAL NOT NULL,
    problem VARCHAR(128) NOT NULL,
    proposal_id VARCHAR(64) NOT NULL,
    from_version INTEGER,
    from_digest VARCHAR(64),
    to_version INTEGER NOT NULL,
    to_digest VARCHAR(64) NOT NULL,
    by TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (seq),
    CONSTRAINT from_whole CHECK ((from_version IS NULL) = (from_digest IS NULL)),
    CONSTRAINT moves_somewhere CHECK (from_version IS NULL OR from_version <> to_version),
    FOREIGN KEY(proposal_id) REFERENCES proposals (id)
)
--
CREATE INDEX ix_pointer_moves_problem ON pointer_moves (problem)
--
CREATE UNIQUE INDEX one_move_per_proposal ON pointer_moves (proposal_id)
--
CREATE TRIGGER pointer_moves_append_only BEFORE UPDATE OR DELETE ON pointer_moves FOR EACH ROW EXECUTE FUNCTION arena_refuse()
--
CREATE TABLE holdout_uses (
    seq SERIAL NOT NULL,
    holdout_digest VARCHAR(64) NOT NULL,
    problem VARCHAR(128) NOT NULL,
    proposal_id VARCHAR(64) NOT NULL,
    at VARCHAR(27) NOT NULL,
    alpha FLOAT(53) NOT NULL,
    PRIMARY KEY (seq),
    CONSTRAINT alpha_is_a_level CHECK (alpha > 0 AND alpha < 1),
    FOREIGN KEY(proposal_id) REFERENCES proposals (id)
)
--
CREATE INDEX ix_holdout_uses_holdout_digest ON holdout_uses (holdout_digest)
--
CREATE TRIGGER holdout_uses_append_only BEFORE UPDATE OR DELETE ON holdout_uses FOR EACH ROW EXECUTE FUNCTION arena_refuse()
