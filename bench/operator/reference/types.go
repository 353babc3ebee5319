package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "limbeck.dev", Version: "v1alpha1"}

// TrainingJob has the members that the children are made from; what is only handed on stays as it came.
type TrainingJob struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              TrainingJobSpec   `json:"spec"`
	Status            TrainingJobStatus `json:"status,omitempty"`
}

// TrainingJobSpec is what is to be trained, and where.
type TrainingJobSpec struct {
	Task         string               `json:"task"`
	Model        runtime.RawExtension `json:"model"`
	Data         runtime.RawExtension `json:"data"`
	Optimization runtime.RawExtension `json:"optimization"`
	Checkpoint   runtime.RawExtension `json:"checkpoint"`
	Distribution struct {
		Workers int32 `json:"workers"`
	} `json:"distribution"`
	Placement struct {
		Resources corev1.ResourceRequirements `json:"resources"`
	} `json:"placement"`
	Suspend bool `json:"suspend,omitempty"`
}

// TrainingJobStatus is the part of the status that every attempt has.
type TrainingJobStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Phase              string             `json:"phase,omitempty"`
	AttemptCount       int32              `json:"attemptCount,omitempty"`
	StartedAt          *metav1.Time       `json:"startedAt,omitempty"`
	Attempts           []Attempt          `json:"attempts,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// Attempt is one try at the job.
type Attempt struct {
	Number    int32       `json:"number"`
	StartedAt metav1.Time `json:"startedAt"`
	Profile   string      `json:"profile,omitempty"`
}

// TrainingJobList is a list of them.
type TrainingJobList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TrainingJob `json:"items"`
}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(groupVersion, &TrainingJob{}, &TrainingJobList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return nil
}

// DeepCopy copies everything that is shared by reference.
func (in *TrainingJob) DeepCopy() *TrainingJob {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	in.Spec.Model.DeepCopyInto(&out.Spec.Model)
	in.Spec.Data.DeepCopyInto(&out.Spec.Data)
	in.Spec.Optimization.DeepCopyInto(&out.Spec.Optimization)
	in.Spec.Checkpoint.DeepCopyInto(&out.Spec.Checkpoint)
	in.Spec.Placement.Resources.DeepCopyInto(&out.Spec.Placement.Resources)
	out.Status = in.Status.deepCopy()
	return &out
}

func (in *TrainingJobStatus) deepCopy() TrainingJobStatus {
	out := *in
	out.StartedAt = in.StartedAt.DeepCopy()
	out.Attempts = append([]Attempt(nil), in.Attempts...)
	out.Conditions = append([]metav1.Condition(nil), in.Conditions...)
	return out
}

// DeepCopyObject is what the scheme asks of every kind.
func (in *TrainingJob) DeepCopyObject() runtime.Object { return in.DeepCopy() }

// DeepCopyObject is what the scheme asks of every kind.
func (in *TrainingJobList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]TrainingJob, 0, len(in.Items))
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopy())
	}
	return &out
}
