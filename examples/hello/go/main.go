// Command hello is hello in Go: pgx, go-redis and amqp091-go on what the operator binds.
//
// GET /check uses every tier once and says what happened; GET /healthz says that the process serves.
// "hello migrate" makes the table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// pgx prepares each statement that it runs, once for each connection.
const (
	table    = "CREATE TABLE IF NOT EXISTS hello (key text, number int, PRIMARY KEY (key, number))"
	insert   = "INSERT INTO hello (key, number) VALUES ($1, $2)"
	find     = "SELECT number FROM hello WHERE key = $1 AND number = $2"
	prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO hello%'"
	rounds   = 8
)

type said map[string]any

type app struct {
	database, reads *pgxpool.Pool
	cache, sessions *redis.Client
	sessionTTL      time.Duration

	lock  sync.Mutex
	queue *amqp.Connection
}

type querier interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

func write(ctx context.Context, q querier, key string, number int) error {
	if _, err := q.Exec(ctx, insert, key, number); err != nil {
		return err
	}
	var found int
	if err := q.QueryRow(ctx, find, key, number).Scan(&found); err != nil {
		return err
	}
	if found != number {
		return fmt.Errorf("wrote %d, read %d", number, found)
	}
	return nil
}

func (a *app) checkDatabase(ctx context.Context, key string) (any, error) {
	var group errgroup.Group
	for number := range rounds {
		group.Go(func() error { return write(ctx, a.database, key, number) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var count int
	err := pgx.BeginFunc(ctx, a.database, func(tx pgx.Tx) error {
		for number := range rounds {
			if err := write(ctx, tx, key, rounds+number); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, prepared).Scan(&count)
	})
	return said{"written": 2 * rounds, "prepared": count}, err
}

func (a *app) checkReads(ctx context.Context, key string) (any, error) {
	var rows int
	if err := a.reads.QueryRow(ctx, "SELECT count(*) FROM hello WHERE key <> $1", key).Scan(&rows); err != nil {
		return nil, err
	}
	var readOnly string
	err := a.reads.QueryRow(ctx, "SHOW transaction_read_only").Scan(&readOnly)
	return said{"rows": rows, "readOnly": readOnly == "on"}, err
}

func (a *app) checkCache(ctx context.Context, key string) (any, error) {
	if err := a.cache.Set(ctx, key, "kept", 0).Err(); err != nil {
		return nil, err
	}
	if err := a.cache.Expire(ctx, key, time.Minute).Err(); err != nil {
		return nil, err
	}
	return kept(ctx, a.cache, key)
}

func (a *app) checkSessions(ctx context.Context, key string) (any, error) {
	if err := a.sessions.Set(ctx, key, "logged in", a.sessionTTL).Err(); err != nil {
		return nil, err
	}
	return kept(ctx, a.sessions, key)
}

func kept(ctx context.Context, store *redis.Client, key string) (any, error) {
	value, err := store.Get(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	expires, err := store.TTL(ctx, key).Result()
	return said{"value": value, "expires": int(expires.Seconds())}, err
}

// One connection for the process, a new one when it was lost.
func (a *app) channel() (*amqp.Channel, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.queue == nil || a.queue.IsClosed() {
		opened, err := amqp.Dial(os.Getenv("AMQP_URL"))
		if err != nil {
			return nil, err
		}
		a.queue = opened
	}
	return a.queue.Channel()
}

func (a *app) checkQueue(ctx context.Context, key string) (any, error) {
	channel, err := a.channel()
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(key)}
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", "hello", true, false, message)
	if err != nil {
		return nil, err
	}
	// A message that no queue takes comes back before its confirmation.
	if taken, err := confirmation.WaitContext(ctx); err != nil || !taken || len(returned) > 0 {
		return nil, errors.Join(errors.New("the message was not taken"), err)
	}
	if err := channel.Qos(1, 0, false); err != nil {
		return nil, err
	}
	deliveries, err := channel.ConsumeWithContext(ctx, "hello", "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	delivery, open := <-deliveries
	if !open {
		return nil, errors.Join(errors.New("the queue gave nothing back"), ctx.Err())
	}
	return said{"confirmed": true, "received": string(delivery.Body)}, delivery.Ack(false)
}

func (a *app) check(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	host, _ := os.Hostname()
	key := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + host
	answer, status := said{"language": "go", "pod": host, "key": key}, http.StatusOK
	for _, one := range []struct {
		name string
		run  func(context.Context, string) (any, error)
	}{
		{"database", a.checkDatabase}, {"reads", a.checkReads}, {"cache", a.checkCache},
		{"sessions", a.checkSessions}, {"queue", a.checkQueue},
	} {
		found, err := one.run(ctx, key)
		if err != nil {
			answer["failed"], answer["error"], status = one.name, err.Error(), http.StatusInternalServerError
			break
		}
		answer[one.name] = found
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func migrate(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, os.Getenv("DATABASE_DIRECT_URL"))
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	_, err = connection.Exec(ctx, table)
	return err
}

func start(ctx context.Context) (*app, error) {
	database, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	reads, err := pgxpool.New(ctx, os.Getenv("DATABASE_READ_URL"))
	if err != nil {
		return nil, err
	}
	cache, err := redis.ParseURL(os.Getenv("CACHE_URL"))
	if err != nil {
		return nil, err
	}
	sessions, err := redis.ParseURL(os.Getenv("SESSION_URL"))
	if err != nil {
		return nil, err
	}
	ttl, err := time.ParseDuration(os.Getenv("SESSION_TTL_SECONDS") + "s")
	return &app{database: database, reads: reads, cache: redis.NewClient(cache), sessions: redis.NewClient(sessions), sessionTTL: ttl}, err
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "migrate" {
		return migrate(ctx)
	}
	a, err := start(ctx)
	if err != nil {
		return err
	}
	http.HandleFunc("GET /check", a.check)
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"ok": true}`) })
	server := &http.Server{Addr: ":" + os.Getenv("PORT")}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
