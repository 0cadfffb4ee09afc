CREATE TABLE products (
    id          bigint PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    blurb       text NOT NULL,
    emoji       text NOT NULL,
    price_cents bigint NOT NULL CHECK (price_cents > 0)
);

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         uuid NOT NULL UNIQUE,
    product_id  bigint NOT NULL REFERENCES products (id),
    quantity    integer NOT NULL CHECK (quantity BETWEEN 1 AND 100),
    total_cents bigint NOT NULL,
    pod         text NOT NULL,
    attempts    integer NOT NULL DEFAULT 1,
    placed_at   timestamptz NOT NULL DEFAULT now()
);
