// A program on client-go's leader election that takes one Lease and lets it go when it is told to, on standard input.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func main() {
	server := flag.String("server", "", "URL of the API server")
	ca := flag.String("ca", "", "file with its authority")
	namespace := flag.String("namespace", "default", "namespace of the Lease")
	lease := flag.String("lease", "", "name of the Lease")
	identity := flag.String("identity", "client-go", "who holds it")
	duration := flag.Duration("duration", 15*time.Second, "how long a silent holder keeps it")
	deadline := flag.Duration("deadline", 10*time.Second, "how long the holder tries to renew")
	retry := flag.Duration("retry", 2*time.Second, "between two attempts")
	flag.Parse()

	client, err := coordination.NewForConfig(&rest.Config{
		Host:            *server,
		BearerToken:     os.Getenv("TOKEN"),
		TLSClientConfig: rest.TLSClientConfig{CAFile: *ca},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	elect := func(ctx context.Context) {
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: *lease, Namespace: *namespace},
				Client:     client,
				LockConfig: resourcelock.ResourceLockConfig{Identity: *identity},
			},
			LeaseDuration:   *duration,
			RenewDeadline:   *deadline,
			RetryPeriod:     *retry,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { fmt.Println("acquired") },
				OnStoppedLeading: func() {},
			},
		})
		fmt.Println("released")
	}

	cancel := func() {}
	done := make(chan struct{})
	close(done)
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "acquire":
			<-done
			var ctx context.Context
			ctx, cancel = context.WithCancel(context.Background())
			done = make(chan struct{})
			go func(ended chan struct{}) {
				elect(ctx)
				close(ended)
			}(done)
		case "release":
			cancel()
		}
	}
	cancel()
	<-done
}
