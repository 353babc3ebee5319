package main

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type reconciler struct {
	client client.Client
	scheme *runtime.Scheme
}

// Reconcile makes what is missing and says in the status what there is.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var root TrainingJob
	if err := r.client.Get(ctx, request.NamespacedName, &root); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if root.DeletionTimestamp != nil || root.Spec.Suspend {
		return ctrl.Result{}, nil
	}
	config, err := configOf(&root)
	if err != nil {
		return ctrl.Result{}, err
	}
	job := jobOf(&root, config)
	for _, child := range []client.Object{serviceOf(&root), job} {
		if err := r.ensure(ctx, &root, child); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, r.report(ctx, &root, job)
}

// ensure makes the child unless the cache has it; afterwards child is what the cluster has.
func (r *reconciler) ensure(ctx context.Context, root *TrainingJob, child client.Object) error {
	wanted := child.DeepCopyObject().(client.Object)
	err := r.client.Get(ctx, client.ObjectKeyFromObject(child), child)
	if !apierrors.IsNotFound(err) {
		return err
	}
	if err := ctrl.SetControllerReference(root, wanted, r.scheme); err != nil {
		return err
	}
	if err := r.client.Create(ctx, wanted); err != nil {
		return err
	}
	if made, isJob := wanted.(*batchv1.Job); isJob {
		made.DeepCopyInto(child.(*batchv1.Job))
	}
	return nil
}

// report writes the status if it has changed.
func (r *reconciler) report(ctx context.Context, root *TrainingJob, job *batchv1.Job) error {
	phase, reason, err := r.phaseOf(ctx, root)
	if err != nil {
		return err
	}
	before := root.Status.deepCopy()
	status := &root.Status
	status.ObservedGeneration = root.Generation
	status.Phase = phase
	status.AttemptCount = 1
	status.StartedAt = &job.CreationTimestamp
	status.Attempts = []Attempt{{Number: 1, StartedAt: job.CreationTimestamp, Profile: "cpu"}}
	for _, condition := range []metav1.Condition{
		{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Valid", Message: "Spec and references make sense."},
		{Type: "Progressing", Status: metav1.ConditionTrue, Reason: reason, Message: "Attempt 1 was made."},
		{Type: "Succeeded", Status: metav1.ConditionUnknown, Reason: "Running", Message: "Not decided yet."},
	} {
		condition.ObservedGeneration = root.Generation
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	if equality.Semantic.DeepEqual(&before, status) {
		return nil
	}
	return r.client.Status().Update(ctx, root)
}

func (r *reconciler) phaseOf(ctx context.Context, root *TrainingJob) (phase, reason string, err error) {
	var pods corev1.PodList
	selector := client.MatchingFields{podsByRoot: root.Name}
	if err := r.client.List(ctx, &pods, client.InNamespace(root.Namespace), selector); err != nil {
		return "", "", err
	}
	for i := range pods.Items {
		if pods.Items[i].Status.Phase == corev1.PodRunning {
			return "Running", "AttemptRunning", nil
		}
	}
	return "Starting", "AttemptStarting", nil
}

// podsByRoot is the index of the cached pods by the name of their TrainingJob.
const podsByRoot = "trainingJob"

func namesOfRoot(pod client.Object) []string {
	if name := pod.GetLabels()[trainingJobLabel]; name != "" {
		return []string{name}
	}
	return nil
}

// rootOfPod finds the TrainingJob of a pod, which its Job owns, by its label.
func rootOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[trainingJobLabel]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}
