CREATE TABLE customers (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 2 AND 40),
    password_hash text NOT NULL,
    since         timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE orders ADD COLUMN customer_id bigint REFERENCES customers (id);
CREATE INDEX orders_of_customer ON orders (customer_id, id) WHERE customer_id IS NOT NULL;

-- Used where SESSION_URL leads to this database; of the session's id only its hash is kept.
CREATE TABLE sessions (
    id_hash     text PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id),
    name        text NOT NULL,
    since       bigint NOT NULL,
    expires_at  timestamptz NOT NULL,
    pods        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE pictures (
    id           uuid PRIMARY KEY,
    product_id   bigint NOT NULL REFERENCES products (id),
    original     bytea NOT NULL,
    media_type   text NOT NULL,
    thumbnail    bytea,
    refused      text,
    pod          text NOT NULL,
    worker       text,
    uploaded_at  timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
CREATE INDEX pictures_of_product ON pictures (product_id, uploaded_at DESC) WHERE thumbnail IS NOT NULL;

-- What the comparison of cache strategies reads and writes, and what it found.
CREATE TABLE strategy_items (
    run     uuid NOT NULL,
    lane    text NOT NULL,
    item    integer NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (run, lane, item)
);

CREATE TABLE strategy_runs (
    id     uuid PRIMARY KEY,
    pod    text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    report text NOT NULL
);
