-- The index of the node, version 1. schema/README.md explains the tables and their states.

CREATE TABLE patient (
    id INTEGER PRIMARY KEY,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,       -- equal IDs of different issuers are different patients
    name TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    sex TEXT NOT NULL,
    UNIQUE (patient_id, issuer)
) STRICT;

CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    patient INTEGER NOT NULL REFERENCES patient (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    description TEXT NOT NULL,
    study_date TEXT NOT NULL,
    accession TEXT NOT NULL,
    calling_ae TEXT NOT NULL,   -- who sent the last instance
    first_s INTEGER NOT NULL,   -- arrival of the first and last instance, seconds since 1970
    last_s INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    note TEXT NOT NULL          -- when closed: what applied, or why nothing did
) STRICT;
CREATE INDEX study_open ON study (id) WHERE state = 'open';

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    study INTEGER NOT NULL REFERENCES study (id),
    number INTEGER NOT NULL,
    modality TEXT NOT NULL,
    body_part TEXT NOT NULL,
    description TEXT NOT NULL,
    protocol TEXT NOT NULL,
    contrast_agent TEXT NOT NULL,
    image_type TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    frame_of_reference TEXT NOT NULL,
    matrix_rows INTEGER NOT NULL,
    matrix_columns INTEGER NOT NULL,
    thickness_mm REAL,
    orientation TEXT NOT NULL,  -- six numbers, of the first image with geometry
    UNIQUE (study, uid)
) STRICT;

CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    series INTEGER NOT NULL REFERENCES series (id),
    sop_class TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,  -- below storage/
    size_bytes INTEGER NOT NULL,
    is_image INTEGER NOT NULL,
    position INTEGER            -- along the normal, in 0.01 mm; NULL without geometry
) STRICT;
CREATE INDEX instance_series ON instance (series, position);

CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study (id),
    analysis TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'running', 'sending', 'done', 'failed', 'refused', 'superseded')),
    end_state TEXT NOT NULL,    -- what it becomes once all is sent
    reason TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    uid_seed TEXT NOT NULL,     -- root of the UIDs of its results
    supersedes INTEGER REFERENCES job (id),
    instances INTEGER NOT NULL, -- of its series when it was made
    created_s INTEGER NOT NULL,
    changed_s INTEGER NOT NULL
) STRICT;
CREATE INDEX job_state ON job (state, priority DESC, id);
CREATE INDEX job_study ON job (study, analysis);

CREATE TABLE job_series (
    job INTEGER NOT NULL REFERENCES job (id),
    series INTEGER NOT NULL REFERENCES series (id),
    PRIMARY KEY (job, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_destination (
    job INTEGER NOT NULL REFERENCES job (id),
    name TEXT NOT NULL,
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES job (id),
    name TEXT NOT NULL,         -- "seg", "sr", "map-cbf", "page-summary"
    path TEXT NOT NULL,         -- below results/
    sop_uid TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    UNIQUE (job, name)
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    result INTEGER NOT NULL REFERENCES result (id),
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    attempts INTEGER NOT NULL,
    next_try_s INTEGER NOT NULL,
    reason TEXT NOT NULL,
    changed_s INTEGER NOT NULL,
    UNIQUE (result, destination)
) STRICT;
CREATE INDEX delivery_pending ON delivery (destination, id) WHERE state = 'pending';

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at_s INTEGER NOT NULL,
    what TEXT NOT NULL,
    text TEXT NOT NULL          -- no patient data
) STRICT;
