package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	managedByLabel   = "app.kubernetes.io/managed-by"
	managedBy        = "limbeck"
	trainingJobLabel = "limbeck.dev/training-job"
	rootLabel        = "limbeck.dev/root"
	attemptLabel     = "limbeck.dev/attempt"
	profileKey       = "limbeck.dev/profile"
	configKey        = "limbeck.dev/config"
	bucket           = "s3://limbeck"
	progressPort     = 8080
)

func jobName(root *TrainingJob) string     { return root.Name + "-a1" }
func serviceName(root *TrainingJob) string { return root.Name + "-workers" }

func childLabels(root *TrainingJob) map[string]string {
	return map[string]string{managedByLabel: managedBy, trainingJobLabel: root.Name, rootLabel: string(root.UID)}
}

func attemptLabels(root *TrainingJob) map[string]string {
	labels := childLabels(root)
	labels[attemptLabel] = "1"
	return labels
}

// configOf is what the trainer is told; the kubelet writes it into a file.
func configOf(root *TrainingJob) (string, error) {
	config, err := json.Marshal(map[string]any{
		"contractVersion": "v1",
		"run":             map[string]any{"namespace": root.Namespace, "name": root.Name, "uid": root.UID, "attempt": 1},
		"store": map[string]string{
			"runUri":    fmt.Sprintf("%s/runs/%s/%s-%s", bucket, root.Namespace, root.Name, root.UID),
			"modelsUri": bucket + "/models",
		},
		"task":         root.Spec.Task,
		"model":        &root.Spec.Model,
		"data":         &root.Spec.Data,
		"optimization": &root.Spec.Optimization,
		"checkpoint":   &root.Spec.Checkpoint,
		"progressPort": progressPort,
	})
	return string(config), err
}

func serviceOf(root *TrainingJob) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: serviceName(root), Namespace: root.Namespace, Labels: childLabels(root)},
		Spec: corev1.ServiceSpec{
			ClusterIP:                corev1.ClusterIPNone,
			PublishNotReadyAddresses: true,
			Selector:                 childLabels(root),
		},
	}
}

func jobOf(root *TrainingJob, config string) *batchv1.Job {
	workers := root.Spec.Distribution.Workers
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: jobName(root), Namespace: root.Namespace, Labels: attemptLabels(root),
			Annotations: map[string]string{profileKey: "cpu"},
		},
		Spec: batchv1.JobSpec{
			CompletionMode:       ptr.To(batchv1.IndexedCompletion),
			Completions:          &workers,
			Parallelism:          &workers,
			BackoffLimit:         ptr.To[int32](0),
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: attemptLabels(root), Annotations: map[string]string{configKey: config}},
				Spec:       podSpecOf(root),
			},
		},
	}
}

func podSpecOf(root *TrainingJob) corev1.PodSpec {
	const uid = 65532
	return corev1.PodSpec{
		Subdomain:                     serviceName(root),
		RestartPolicy:                 corev1.RestartPolicyNever,
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To[int64](45),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To[int64](uid),
			RunAsGroup:     ptr.To[int64](uid),
			FSGroup:        ptr.To[int64](uid),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{containerOf(root)},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
				Items: []corev1.DownwardAPIVolumeFile{{
					Path:     "config.json",
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + configKey + "']"},
				}},
			}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "shm", VolumeSource: corev1.VolumeSource{
				EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory},
			}},
		},
	}
}

func containerOf(root *TrainingJob) corev1.Container {
	return corev1.Container{
		Name:            "trainer",
		Image:           "bench.invalid/trainer:1",
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"env", "--block-signal=TERM", "python3", "-m", "limbeck_trainer", "--config", "/etc/limbeck/config.json"},
		Env:             environmentOf(root),
		EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "limbeck-store"},
		}}},
		Ports:     []corev1.ContainerPort{{Name: "progress", ContainerPort: progressPort}},
		Resources: root.Spec.Placement.Resources,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts: []corev1.VolumeMount{
			{Name: "config", MountPath: "/etc/limbeck", ReadOnly: true},
			{Name: "tmp", MountPath: "/tmp"},
			{Name: "shm", MountPath: "/dev/shm"},
		},
	}
}

func environmentOf(root *TrainingJob) []corev1.EnvVar {
	rank := "metadata.annotations['" + batchv1.JobCompletionIndexAnnotation + "']"
	return []corev1.EnvVar{
		{Name: "RANK", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: rank}}},
		{Name: "WORLD_SIZE", Value: strconv.Itoa(int(root.Spec.Distribution.Workers))},
		{Name: "MASTER_ADDR", Value: fmt.Sprintf("%s-0.%s", jobName(root), serviceName(root))},
		{Name: "MASTER_PORT", Value: "29500"},
		{Name: "USE_LIBUV", Value: "0"},
		{Name: "OMP_NUM_THREADS", Value: "1"},
		{Name: "HOME", Value: "/tmp"},
		{Name: "PYTHONDONTWRITEBYTECODE", Value: "1"},
	}
}
