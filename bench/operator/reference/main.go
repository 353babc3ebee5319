// Command reference is the operator that bench/operator.ts measures Limbeck's against: what one writes with
// controller-runtime for the same TrainingJob and the same children, with its usual settings.
package main

import (
	"flag"
	"os"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	metricsAddress := flag.String("metrics-address", "127.0.0.1:0", "where /metrics is served")
	workers := flag.Int("workers", 8, "concurrent reconciles")
	qps := flag.Float64("qps", -1, "requests a second that the client allows itself; negative: as many as it can")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(*metricsAddress, *workers, float32(*qps)); err != nil {
		ctrl.Log.Error(err, "the reference cannot run")
		os.Exit(1)
	}
}

func run(metricsAddress string, workers int, qps float32) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, addToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config := ctrl.GetConfigOrDie()
	config.QPS = qps
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 server.Options{BindAddress: metricsAddress},
		LeaderElection:          true,
		LeaderElectionID:        "reference",
		LeaderElectionNamespace: "default",
		// Only our own pods, as Limbeck does it.
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Label: labels.SelectorFromSet(labels.Set{managedByLabel: managedBy})},
		}},
	})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := manager.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, podsByRoot, namesOfRoot); err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&TrainingJob{}).
		Owns(&corev1.Service{}).
		Owns(&batchv1.Job{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(rootOfPod)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{client: manager.GetClient(), scheme: scheme})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
