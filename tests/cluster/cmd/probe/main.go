// Command probe is the program in the pods of the cluster's own test.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "serve": // ADDRESS: a page that names the pod
		http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
			name, _ := os.Hostname()
			fmt.Fprintln(answer, "hello from", name)
		})
		log.Fatal(http.ListenAndServe(args[1], nil))
	case len(args) == 3 && args[0] == "write": // FILE TEXT
		if err := os.WriteFile(args[1], []byte(args[2]), 0o600); err != nil {
			log.Fatal(err)
		}
	case len(args) == 2 && args[0] == "read": // FILE
		data, err := os.ReadFile(args[1])
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(string(data))
	case len(args) == 2 && args[0] == "get": // URL: the answer must be a page
		answer, err := http.Get(args[1])
		if err != nil {
			log.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			log.Fatal(answer.Status)
		}
		_, _ = io.Copy(os.Stdout, answer.Body)
	default:
		log.Fatal("usage: probe serve ADDRESS | write FILE TEXT | read FILE | get URL")
	}
}
