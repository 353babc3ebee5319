/** The closed vocabulary of conditions: types are states, reasons are causes; each has one sentence, which docs/api.md repeats. */

/** Condition types of all three kinds. Succeeded, ScalingUseful and GpuUsed belong to jobs; Ready and Active to services. */
export const conditionTypes = {
  Accepted: 'Spec and references make sense. Unknown: something that is referenced is not there yet.',
  Progressing: 'Pods are being made, running or replaced.',
  Succeeded: 'The artefact is exported, evaluated and recorded. Unknown: not decided yet.',
  ScalingUseful:
    'The processes of the group train faster than one of them would alone. Absent while that is not measured.',
  GpuUsed:
    'The attempt computes on the GPUs that it holds by its profile. Absent where it holds none, or does not tell what it computes on.',
  Ready: 'A request would be answered now, or after a wake. Unknown: not decided yet.',
  Active: 'At least one replica is up. Not a part of Ready: an idle service is ready.',
} as const;

export type ConditionType = keyof typeof conditionTypes;

/** Every reason that a condition, an attempt or an event may carry. */
export const reasons = {
  Valid: 'Spec and references make sense.',
  ProfileUnknown: 'The installation has no GPU profile of that name.',
  ModelTooLarge: 'The file of the model is larger than the memory of a GPU of any profile that is named.',
  NoNodeFits: 'No ready node satisfies any of the GPU profiles; goes on when one does.',
  SpecTooLarge: 'What the trainer is to be told does not fit into the annotations of a pod.',
  TeacherNotFound: 'The teacher does not exist yet; goes on when it does.',
  TeacherNotReady: 'The teacher has not succeeded yet; goes on when it has.',
  TeacherFailed: 'The teacher failed; goes on when a job of that name succeeds.',
  ModelNotFound: 'The job that the service takes its model from does not exist yet; goes on when it does.',
  ModelNotReady: 'The job that the service takes its model from is still running; goes on when it succeeded.',
  ModelFailed: 'The job that the service takes its model from failed; goes on when a job of that name succeeds.',
  DataMissing: 'The data set is not where the spec says; looked for again after 10 s, later every 5 min.',
  TeacherMissing: "The teacher's artefact is not in the store; looked for again after 10 s, later every 5 min.",
  InputMissing: 'Something that the trainer reads is not there (exit code 66); looked for again later.',
  Suspended: 'spec.suspend is true.',
  QueueMissing: 'placement.queueName names a queue, and the cluster has no Kueue; goes on when it has.',
  Queued: 'The attempt waits for its queue to admit it.',
  NoPods: 'Pods that are wanted are not made: a quota, a missing PriorityClass or an admission policy refuses them.',
  AttemptStarting: 'The pods of the attempt are being made.',
  AttemptRunning: 'The attempt is training.',
  BackingOff: 'The last attempt failed; the next one starts after a pause.',
  WorkerUnreachable:
    "A worker's node has not been heard of for minutes, and nothing ends its pod; the message names both and the remedy.",
  PodsStopping: 'The next attempt waits for the pods of the last one to be gone.',
  PodsStuck: 'A pod or the Job of the last attempt was to end over a minute ago; the message names it and the remedy.',
  Finished: 'The job is over.',
  Running: 'Not decided yet: the job is not over.',
  GatesPassed: 'The model is exported and every gate holds.',
  GateNotMet: 'The model was measured and a gate does not hold.',
  DeadlineExceeded:
    'All attempts together took longer than retry.deadlineSeconds; what was waited for last is in the message.',
  RetriesExhausted: 'More attempts failed than retry.limit allows.',
  CannotStart:
    'A container cannot start: ours by a wrong name or command never, so the job ends; in any other way as of ImagePull.',
  ResultInvalid: 'The trainer ended well but its result does not keep the contract.',
  ResultLost: 'The trainer ended well but its pod was deleted before its result was read.',
  ConfigInvalid: 'The trainer refused its config.',
  DataInvalid: 'The data set cannot be used.',
  TeacherMismatch: "The teacher's artefact has another digest, or does not fit the data.",
  NonFiniteLoss: 'The loss became infinite or not a number.',
  ParityBroken: 'The exported model answers differently from the trained one.',
  StoreUnavailable: 'The artefact store did not answer.',
  PeerLost: 'A worker lost its peers; never named as the cause while another cause is known.',
  WorkerLost: 'A worker disappeared without saying why.',
  Hung: 'No step was done, or a worker did not answer, for longer than retry.stallSeconds or five of the longest steps.',
  Interrupted: 'A worker was told to stop by something other than the operator.',
  Preempted:
    'A pod had to make room for another one, its node was drained or went away, or its queue took its admission back.',
  Evicted: 'A node that ran out of disk or memory ended a pod, or the pod used more disk than its limit.',
  NotAdmitted: 'The node refused a pod that it had been given, as where its devices are not there yet.',
  OutOfMemory: 'A container used more memory than its limit, or what runs in it asked for memory that there was not.',
  Crashed: 'The trainer ended with an error.',
  PermanentExit: 'The trainer ended with an exit code that says that repeating will not help.',
  CheckpointSkipped: 'A checkpoint could not be used, so that an attempt goes on from an older one.',
  CheckpointNotWritten: 'The store does not take a checkpoint; tried again while the training goes on.',
  FasterTogether: 'The group trains faster than one process of it would alone.',
  SlowerThanOneWorker: 'The group trains slower than one process of it would alone; fewer workers would do better.',
  ComputesOnGpu: 'The attempt holds GPUs and computes on them.',
  ComputesOnCpu: 'The attempt holds GPUs and computes on the CPU: its image has no CUDA, or finds none of them.',
  Succeeded: 'The attempt ended well.',
  Unschedulable: 'No node has room for the pod, or a scheduling gate of others holds it back.',
  ImagePull:
    'An image cannot be had; after 2 min the attempt ends, uncounted, and looks again after 10 s, later every 5 min.',
  ConfigMissing: 'A pod needs a Secret or ConfigMap that is not there; looked for again as of ImagePull.',
  Starting: 'The first replica of the revision is on its way.',
  ArtefactMissing: 'The model is not in the store; a replica looks for it again and again, and goes on when it is.',
  LoadFailed: 'A replica is up but cannot load the model.',
  CrashLooping: 'The server container ends again and again.',
  Verified: 'A replica of this revision answered a real inference.',
  RolledOut: 'Every replica is of this revision.',
  RollingOut: 'Replicas are being made or replaced.',
  ReplicaUp: 'At least one replica answers requests.',
  NoReplicas: 'No replica is wanted now; the next request starts one.',
  NoReplicaYet: 'Replicas are wanted, and none is ready yet.',
  Stopped: 'spec.replicas is 0: requests are refused until that changes.',
  Scaled: 'The number of replicas was changed.',
  ApplyFailed: 'The API server refused a write; tried again with a growing pause.',
  Contested:
    'Somebody changes an object of ours each time it is applied; it is applied once a minute at most, and the message names it.',
  NameTaken: 'An object of a needed name exists and belongs to something else, or lost the label by which it is seen.',
  NameLeaving: 'An object of a needed name has been on its way out for over a minute; the message names what holds it.',
} as const;

export type Reason = keyof typeof reasons;
