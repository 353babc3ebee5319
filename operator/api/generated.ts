/** Generated from crds/*.yaml by `make generate`; never edited. */

/**
 * What to train.
 */
export interface TrainingJobSpec {
  /**
   * What the model learns to do. classification names one of several classes; regression answers a number in the unit of the target; causalLM goes on with a text.
   */
  readonly task: 'classification' | 'regression' | 'causalLM';
  /**
   * Architecture. Exactly one member.
   */
  readonly model:
    | {
        /**
         * One linear layer on the flattened input.
         */
        readonly linear: {};
      }
    | {
        /**
         * Fully connected layers with ReLU between them.
         */
        readonly mlp: {
          /**
           * Width of each hidden layer, first to last.
           *
           * Items: Units of one hidden layer.
           */
          readonly hidden: readonly number[];
        };
      }
    | {
        /**
         * 3 x 3 convolutions with ReLU and pooling, then one hidden fully connected layer.
         */
        readonly cnn: {
          /**
           * Output channels of each convolution, first to last.
           *
           * Items: Channels of one convolution.
           */
          readonly channels: readonly number[];
          /**
           * Units of the fully connected layer after the convolutions.
           */
          readonly hidden: number;
        };
      }
    | {
        /**
         * Attention over the tokens of a text. With the task causalLM it is a decoder, which predicts the next token; with classification an encoder.
         */
        readonly transformer: {
          /**
           * Blocks of attention and a hidden layer, one after the other.
           */
          readonly layers: number;
          /**
           * Parts in which each layer attends to different things.
           */
          readonly heads: number;
          /**
           * Numbers that stand for a token between layers; a multiple of heads.
           */
          readonly width: number;
          /**
           * Tokens that are seen at once; neither a training sample nor a served text is longer.
           */
          readonly contextLength: number;
          /**
           * In which numbers the large matrices of a decoder are served. Unset or int8 means int8 where held-out tokens are foretold as well with it, which is several times as fast on CPUs; unset, only from 4 MiB on. float32 is for servers on GPUs.
           */
          readonly weights?: 'float32' | 'int8';
          /**
           * How text becomes tokens. Without it every byte is one.
           */
          readonly tokenizer?: {
            /**
             * Folder with tokenizer.json and tokenizer_config.json in the Hugging Face layout, such as s3://bucket/tokenizers/mine.
             */
            readonly uri: string;
          };
        };
      }
    | {
        /**
         * A model in the Hugging Face layout that is trained further. With the task causalLM it has to be a decoder; with classification it gets a head for the classes of the data, unless it has one for them.
         */
        readonly pretrained: {
          /**
           * Where somebody put it; nothing is fetched from the Hub.
           */
          readonly s3: {
            /**
             * Folder with config.json, model.safetensors or the files of its index, tokenizer.json and tokenizer_config.json, such as s3://bucket/models/bert.
             */
            readonly uri: string;
            /**
             * Digest in lower-case hex of what sha256sum prints for the files that are read, in the order of their names. A model with another digest is refused.
             */
            readonly sha256?: string;
          };
          /**
           * Tokens that are seen at once; neither a training sample nor a served text is longer. The model must know as many places.
           */
          readonly contextLength: number;
          /**
           * In which numbers the large matrices of a decoder are served. Unset or int8 means int8 where held-out tokens are foretold as well with it, which is several times as fast on CPUs; unset, only from 4 MiB on. float32 is for servers on GPUs.
           */
          readonly weights?: 'float32' | 'int8';
        };
      }
    | {
        /**
         * A program of your own in place of the trainer, which keeps the contract of docs/custom-training.md. It is told everything else in this spec.
         */
        readonly custom: {
          /**
           * Image of every worker. It runs as user 65532 under the restricted Pod Security Standard, and writes to /tmp alone.
           */
          readonly image: string;
          /**
           * Program and arguments, the same on every worker.
           *
           * Items: Program or argument.
           */
          readonly command: readonly string[];
        };
      };
  /**
   * What is learnt from, and how it is split.
   */
  readonly data: {
    /**
     * Where the samples come from. Exactly one member.
     */
    readonly source:
      | {
          /**
           * A data set inside the trainer image. digits is scikit-learn's 1797 handwritten digits of 8 x 8 pixels.
           */
          readonly builtin: 'digits';
        }
      | {
          /**
           * Nothing of ours. The program of a custom model brings its own data.
           */
          readonly none: {};
        }
      | {
          /**
           * A file in an S3 store, or a folder of files.
           */
          readonly s3: {
            /**
             * Address of the file, such as s3://bucket/folder/data.csv; with a slash at its end, of a folder whose files are read in the order of their names.
             */
            readonly uri: string;
            /**
             * Digest of the file in lower-case hex; of a folder, that of what sha256sum prints for its files in the order of their paths. Data with another digest is refused.
             */
            readonly sha256?: string;
          };
        }
      | {
          /**
           * A data set in the Hugging Face layout, which somebody put into an S3 store, or which a mirror of the Hub has.
           */
          readonly hf: {
            /**
             * Folder of the data set, such as s3://bucket/datasets/iris/.
             */
            readonly uri?: string;
            /**
             * Where the data set is fetched from, by every worker into its scratch volume. Only data sets that are open without credentials are read.
             */
            readonly mirror?: {
              /**
               * Address of a server that answers as the Hugging Face Hub does, such as https://hub.example.org.
               */
              readonly url: string;
              /**
               * The data set, such as stanfordnlp/imdb.
               */
              readonly repository: string;
              /**
               * Commit, branch or tag. A branch is what it was when the first worker of the run asked; only a commit is the same for every run.
               */
              readonly revision: string;
              /**
               * Folder of the repository whose files are looked at, such as wikitext-2-raw-v1. Without it all are.
               */
              readonly folder?: string;
              /**
               * Size in MiB of all files of the split beyond which they are refused.
               */
              readonly limitMi: number;
            };
            /**
             * The data set's own split whose files are read (data/train-00000-of-00002.parquet, train.csv or train/). It is divided by data.split, like any data.
             */
            readonly split: string;
            /**
             * Digest of the file in lower-case hex; of a folder, that of what sha256sum prints for its files in the order of their paths. Data with another digest is refused.
             */
            readonly sha256?: string;
          };
        }
      | {
          /**
           * A file or folder on a volume, which every worker mounts read-only. With several workers on several nodes the claim must allow ReadOnlyMany or ReadWriteMany.
           */
          readonly pvc: {
            /**
             * PersistentVolumeClaim in the job's namespace.
             */
            readonly claimName: string;
            /**
             * The file or folder, from the root of the volume.
             */
            readonly path: string;
            /**
             * Digest of the file in lower-case hex; of a folder, that of what sha256sum prints for its files in the order of their paths. Data with another digest is refused.
             */
            readonly sha256?: string;
          };
        }
      | {
          /**
           * A file on a web server, which every worker downloads into its scratch volume.
           */
          readonly https: {
            /**
             * Address of the file.
             */
            readonly url: string;
            /**
             * Digest of the file in lower-case hex. Another file is refused.
             */
            readonly sha256: string;
            /**
             * Size in MiB beyond which the download is given up.
             */
            readonly limitMi: number;
          };
        };
    /**
     * What the files are. Without it their names tell (.npz, .csv, .parquet, .jsonl, .png, .jpg, .txt).
     */
    readonly format?: 'npz' | 'csv' | 'parquet' | 'jsonl' | 'images' | 'text';
    /**
     * What the columns of a table (csv, parquet, jsonl) are for.
     */
    readonly columns?: {
      /**
       * What is learnt. Without it the column called target.
       */
      readonly target?: string;
      /**
       * What it is learnt from, in the order in which the served model takes it. Without it all columns but the target.
       *
       * Items: Name of a column.
       */
      readonly features?: readonly string[];
      /**
       * Features that are kinds and not numbers. The served model takes the index of the value among those that the manifest lists.
       *
       * Items: Name of a column.
       */
      readonly categorical?: readonly string[];
      /**
       * Where the documents are. Without it the column called text.
       */
      readonly text?: string;
      /**
       * What an empty cell, NA, NaN or null among the features means. refuse ends the job and names the row; impute takes the mean of the training samples for a number, and none of its values for a categorical one.
       */
      readonly missing: 'refuse' | 'impute';
    };
    /**
     * Classes in the order of the model's output. Without it the values of the target, sorted. A value that is not listed is refused.
     *
     * Items: Value of the target, or name of a folder of images.
     */
    readonly labels?: readonly string[];
    /**
     * What every image is brought to. Without it all must be of one size.
     */
    readonly image?: {
      /**
       * Pixels from top to bottom.
       */
      readonly height: number;
      /**
       * Pixels from left to right.
       */
      readonly width: number;
      /**
       * 1 is grey, 3 is red, green and blue.
       */
      readonly channels: 1 | 3;
    };
    /**
     * For data that is larger than memory. The files are read again in every epoch, each worker its part. Images are shuffled as a whole, the samples of other files within a window.
     */
    readonly stream?: {
      /**
       * Files that a worker keeps in memory, and shuffles together, at a time. Images, one in a file, need none.
       */
      readonly window: number;
    };
    /**
     * How samples are divided, stratified by class. What is neither validation nor test is trained on.
     */
    readonly split: {
      /**
       * Share of the samples that is watched during training.
       */
      readonly validation: number;
      /**
       * Share of the samples that is held out, never trained on, and measured at the end.
       */
      readonly test: number;
      /**
       * Seed of the split. The same seed and data give the same split in every job.
       */
      readonly seed: number;
    };
  };
  /**
   * How the loss is minimised.
   */
  readonly optimization: {
    /**
     * Update rule. adamw takes weight decay apart from the gradient, adam and sgd with it.
     */
    readonly optimizer: 'adam' | 'adamw' | 'sgd';
    /**
     * Step size; the peak of the schedule. Unset means 0.001, and 0.00005 for a pretrained model.
     */
    readonly learningRate?: number;
    /**
     * Course of the learning rate over the run. oneCycle rises and falls by a cosine; cosine and linear fall from the peak; constant stays there.
     */
    readonly schedule: 'constant' | 'oneCycle' | 'cosine' | 'linear';
    /**
     * Share of all steps over which the learning rate rises to its peak. Unset means 0.3 for oneCycle and 0 for the others.
     */
    readonly warmUp?: number;
    /**
     * How strongly weights are drawn towards 0.
     */
    readonly weightDecay: number;
    /**
     * Largest norm of all gradients together; larger ones are scaled down. Unset means that nothing is clipped, and 1 for a pretrained model.
     */
    readonly clipNorm?: number;
    /**
     * Numbers that the forward pass computes in; weights and losses stay float32. float16 needs a GPU.
     */
    readonly precision: 'float32' | 'bfloat16' | 'float16';
    /**
     * Parts in which each process works through its share of a batch, one after the other, so that less memory is needed. The batch stays the same.
     */
    readonly accumulate: number;
    /**
     * Ends the training when the validation loss no longer falls, and keeps the weights of the best epoch. Unset means that all epochs are trained.
     */
    readonly earlyStopping?: {
      /**
       * Epochs in a row without a better validation loss after which the training ends.
       */
      readonly patience: number;
      /**
       * A loss is better only if it is less by more than this.
       */
      readonly minDelta: number;
    };
    /**
     * Passes over the training samples. Unset means 10, and 3 for a pretrained model.
     */
    readonly epochs?: number;
    /**
     * Samples per step, summed over all workers.
     */
    readonly batchSize: number;
    /**
     * Seed of initial weights and of shuffling.
     */
    readonly seed: number;
  };
  /**
   * How the work is spread over pods.
   */
  readonly distribution: {
    /**
     * Pods that train together, data parallel. They start, fail and restart as one group.
     */
    readonly workers: number;
    /**
     * Processes in each pod, which share its CPUs and memory. With GPUs each takes one of its own, so as many as the GPU profile has.
     */
    readonly processesPerWorker: number;
    /**
     * With ddp every process has the whole model, with fsdp a part of it. With auto it is ddp where the model fits; the log of the workers says what it took and why.
     */
    readonly strategy: 'auto' | 'ddp' | 'fsdp';
  };
  /**
   * Where each worker runs, and what it may use.
   */
  readonly placement: {
    /**
     * Kueue's LocalQueue, in the namespace of the job, that admits each attempt before its pods are made. Unset means that no queue is asked.
     */
    readonly queueName?: string;
    /**
     * PriorityClass of the pods. Pods of a higher one may push these out, which counts as no failure.
     */
    readonly priorityClassName?: string;
    /**
     * GPU profiles of the installation in order of preference; the first that some node can satisfy is taken. The profile cpu needs no GPU.
     *
     * Items: Name of a profile.
     */
    readonly gpuProfiles: readonly string[];
    /**
     * CPU, memory and disk of each pod, besides what the GPU profile adds.
     */
    readonly resources: {
      /**
       * What is set aside on the node.
       */
      readonly requests: {
        /**
         * CPU set aside, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory set aside, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node set aside for what is downloaded and kept there while the pod lives, such as 20Gi; none where absent.
         */
        'ephemeral-storage'?: number | string;
      };
      /**
       * What may be used at most.
       */
      readonly limits: {
        /**
         * CPU that may be used at most, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory that may be used at most, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node that may be used at most, such as 20Gi; whoever uses more is ended. As much as there is where absent.
         */
        'ephemeral-storage'?: number | string;
      };
    };
  };
  /**
   * How progress is kept, so that a restarted attempt goes on instead of starting over.
   */
  readonly checkpoint: {
    /**
     * Seconds between checkpoints.
     */
    readonly everySeconds: number;
    /**
     * Checkpoints kept; older ones are deleted.
     */
    readonly keep: number;
  };
  /**
   * What the model must reach on the held-out split to count as a success.
   */
  readonly evaluation: {
    /**
     * Bounds that must all hold, at most one for each metric and class. Without gates every finished run succeeds.
     */
    readonly gates: readonly TrainingJobGate[];
  };
  /**
   * What happens after a failed attempt.
   */
  readonly retry: {
    /**
     * How many failed attempts are tried again. Preempted attempts and waits for missing data or images do not count; failures that a repetition cannot cure end the job at once.
     */
    readonly limit: number;
    /**
     * Seconds without a step, or without an answer of a worker, after which an attempt counts as hung and is repeated. Unset means five times the longest step so far, at least 60. 0 means never.
     */
    readonly stallSeconds?: number;
    /**
     * Seconds that all attempts together may take before the job fails. An attempt counts from when its pods are asked for until it ends, so waiting for room on a node counts, as in the activeDeadlineSeconds of a Job. Waiting in the queue of placement.queueName, what comes before the first attempt, suspension, pauses between attempts, and attempts that only found their input or their images missing do not. Unset means no deadline.
     */
    readonly deadlineSeconds?: number;
  };
  /**
   * Seconds after which a finished job, and everything that the cluster has of it, is deleted; what is in the store stays. Unset means never.
   */
  readonly ttlSecondsAfterFinished?: number;
  /**
   * Stops the running attempt after a checkpoint and starts none until it is false again. A suspended attempt is not counted as failed.
   */
  readonly suspend: boolean;
}
/**
 * One bound.
 */
export interface TrainingJobGate {
  /**
   * Which measured value is bounded. precision, recall and f1 are those of the class that has least, or of the named class; docs/training.md says what each one tells.
   */
  readonly metric:
    | 'accuracy'
    | 'macroPrecision'
    | 'macroRecall'
    | 'macroF1'
    | 'rocAuc'
    | 'logLoss'
    | 'calibrationError'
    | 'precision'
    | 'recall'
    | 'f1'
    | 'mae'
    | 'rmse'
    | 'r2'
    | 'perplexity';
  /**
   * Label of the class that is bounded. Unset means every class.
   */
  readonly class?: string;
  /**
   * Smallest value that passes.
   */
  readonly atLeast?: number;
  /**
   * Largest value that passes.
   */
  readonly atMost?: number;
}

/**
 * What the operator observed; written by the operator alone.
 */
export interface TrainingJobStatus {
  /**
   * Generation of the spec that this status speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * Where the job stands. Conditions say why.
   */
  readonly phase?:
    'Waiting' | 'Refused' | 'Suspended' | 'Queued' | 'Starting' | 'Running' | 'Restarting' | 'Succeeded' | 'Failed';
  /**
   * Architecture in short, such as cnn 16-32/64.
   */
  readonly model?: string;
  /**
   * Share of the training steps that are done, such as 43%.
   */
  readonly progress?: string;
  /**
   * How far training is, as rank 0 said last; at most every few seconds.
   */
  readonly training?: {
    /**
     * What rank 0 was doing.
     */
    readonly phase?: 'starting' | 'training' | 'validating' | 'checkpointing' | 'evaluating' | 'exporting';
    /**
     * The epoch that it was in, from 1.
     */
    readonly epoch?: number;
    /**
     * All epochs.
     */
    readonly epochs?: number;
    /**
     * Steps that were done.
     */
    readonly step?: number;
    /**
     * All steps.
     */
    readonly steps?: number;
    /**
     * Loss of the last step.
     */
    readonly loss?: number;
    /**
     * Samples trained on in a second, summed over all workers.
     */
    readonly samplesPerSecond?: number;
    /**
     * Seconds that the remaining steps will take at this pace.
     */
    readonly etaSeconds?: number;
    /**
     * Loss on the validation split at the end of the last epoch, where early stopping asks for it.
     */
    readonly validationLoss?: number;
    /**
     * Accuracy on the validation split at the end of the last epoch.
     */
    readonly validationAccuracy?: number;
    /**
     * Root of the mean squared error on the validation split at the end of the last epoch, in the unit of the target.
     */
    readonly validationRmse?: number;
    /**
     * Perplexity on the validation split at the end of the last epoch, of a language model.
     */
    readonly validationPerplexity?: number;
    /**
     * Address of the history of all attempts, which is a JSON list with a point for each epoch; written with each checkpoint.
     */
    readonly history?: string;
    /**
     * Why the last checkpoint is not in the store; unset once one is. It is tried again, and the training goes on.
     */
    readonly checkpointProblem?: string;
  };
  /**
   * What matters most for the task, on the held-out split, such as accuracy 0.983.
   */
  readonly metric?: string;
  /**
   * Attempts that were started.
   */
  readonly attemptCount?: number;
  /**
   * Seconds that attempts ran which are no longer in the list; they count for retry.deadlineSeconds. Unset while all are.
   */
  readonly earlierRunSeconds?: number;
  /**
   * When the first attempt started.
   */
  readonly startedAt?: string;
  /**
   * When the job succeeded or failed for good.
   */
  readonly finishedAt?: string;
  /**
   * The attempts, oldest first. Every failed attempt that counts is kept, and the newest of the others.
   */
  readonly attempts?: readonly TrainingJobAttempt[];
  /**
   * How the model is spread over the processes of the group, and what that gains.
   */
  readonly distribution?: {
    /**
     * What was chosen. In ddp every process holds the whole model, in fsdp a part of it; alone there is one process.
     */
    readonly strategy: 'alone' | 'ddp' | 'fsdp';
    /**
     * Why it was chosen.
     */
    readonly reason: string;
    /**
     * Processes that train together, which are workers times processesPerWorker.
     */
    readonly processes: number;
    /**
     * What rank 0 computes on, as PyTorch calls it; cuda is any GPU. Unset where the program does not tell.
     */
    readonly device?: 'cpu' | 'cuda';
    /**
     * Throughput of the group as a share of that many times the throughput of one process alone; 1 is perfect. Measured in the first seconds, and unset where that is not possible.
     */
    readonly scalingEfficiency?: number;
  };
  /**
   * The newest checkpoint known.
   */
  readonly checkpoint?: {
    /**
     * Training step.
     */
    readonly step: number;
    /**
     * Where it lies.
     */
    readonly uri: string;
    /**
     * Its digest.
     */
    readonly sha256: string;
    /**
     * When it was written.
     */
    readonly savedAt?: string;
  };
  /**
   * The exported model. A ModelService serves exactly this digest.
   */
  readonly artefact?: {
    /**
     * Folder with model.onnx and manifest.json.
     */
    readonly uri: string;
    /**
     * Digest of model.onnx.
     */
    readonly sha256: string;
    /**
     * Size of model.onnx.
     */
    readonly sizeBytes: number;
    /**
     * What was measured, as a page for people; report.json beside it has the same for programs.
     */
    readonly report?: string;
    /**
     * What the model takes.
     */
    readonly inputs: readonly TrainingJobInput[];
    /**
     * What the model gives.
     */
    readonly outputs: readonly TrainingJobOutput[];
  };
  /**
   * Measured on the held-out split, each with its 95 % interval.
   */
  readonly metrics?: {
    /**
     * Samples of the held-out split.
     */
    readonly samples: number;
    /**
     * Share of samples that were classified correctly.
     */
    readonly accuracy?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Precision of each class, averaged over classes.
     */
    readonly macroPrecision?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Recall of each class, averaged over classes.
     */
    readonly macroRecall?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * F1 of each class, averaged over classes.
     */
    readonly macroF1?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Area under the ROC curve of each class against the rest, averaged over classes.
     */
    readonly rocAuc?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Mean negative logarithm of the probability of the true class.
     */
    readonly logLoss?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Expected calibration error, which is how far stated probability and share of right answers lie apart.
     */
    readonly calibrationError?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Mean absolute error.
     */
    readonly mae?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Root of the mean squared error.
     */
    readonly rmse?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Coefficient of determination, R².
     */
    readonly r2?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Of a token of held-out text, which is e to the mean negative logarithm of its probability.
     */
    readonly perplexity?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
  };
  /**
   * Figures of single classes, one for each gate on precision, recall or f1, in the order of the gates.
   */
  readonly classMetrics?: readonly TrainingJobClassMetric[];
  /**
   * What the artefact was made from.
   */
  readonly lineage?: {
    /**
     * Digest of the data set.
     */
    readonly dataSha256: string;
    /**
     * Digest of everything that decides the course of the training, which the manifest has as lineage.config.
     */
    readonly configSha256?: string;
    /**
     * Digest of the pretrained model that was trained further.
     */
    readonly pretrainedSha256?: string;
    /**
     * Digest of the tokenizer that the spec names.
     */
    readonly tokenizerSha256?: string;
    /**
     * Seed of the split.
     */
    readonly splitSeed: number;
    /**
     * Seed of initial weights and of shuffling.
     */
    readonly seed: number;
    /**
     * Workers that trained it.
     */
    readonly worldSize: number;
    /**
     * Version of PyTorch.
     */
    readonly torch: string;
    /**
     * Trainer image.
     */
    readonly image: string;
  };
  /**
   * The state of the object in the standard form; every pass states every condition.
   */
  readonly conditions?: readonly TrainingJobCondition[];
}
/**
 * One attempt.
 */
export interface TrainingJobAttempt {
  /**
   * Counts from 1.
   */
  readonly number: number;
  /**
   * When its Job was made.
   */
  readonly startedAt: string;
  /**
   * When its queue let it begin, from when on it counts for retry.deadlineSeconds; unset while it waits in the queue, and without one.
   */
  readonly admittedAt?: string;
  /**
   * When it ended; unset while it runs.
   */
  readonly endedAt?: string;
  /**
   * GPU profile that it runs on.
   */
  readonly profile?: string;
  /**
   * How it ended. Only Failed counts against retry.limit.
   */
  readonly outcome?: 'Succeeded' | 'Failed' | 'Preempted' | 'Waiting' | 'Suspended';
  /**
   * Why it ended, in one CamelCase word.
   */
  readonly reason?: string;
  /**
   * Why it ended, in the words of the first pod that failed.
   */
  readonly message?: string;
  /**
   * The pod that decided the outcome.
   */
  readonly pod?: string;
  /**
   * Rank of that pod; of those that failed by themselves, the first.
   */
  readonly rank?: number;
  /**
   * Exit code of that pod.
   */
  readonly exitCode?: number;
  /**
   * The last line of that pod's log, where it ended without saying why.
   */
  readonly lastLogLine?: string;
  /**
   * Step of the checkpoint that it went on from.
   */
  readonly resumedFromStep?: number;
  /**
   * Which newer checkpoints it could not use, and why.
   */
  readonly skippedCheckpoint?: string;
}
/**
 * One tensor.
 */
export interface TrainingJobInput {
  /**
   * Name in the model file.
   */
  readonly name: string;
  /**
   * Name in the Open Inference Protocol, such as FP32.
   */
  readonly datatype: string;
  /**
   * Size of each axis; -1 is dynamic.
   *
   * Items: Size of one axis.
   */
  readonly shape: readonly number[];
}
/**
 * One tensor.
 */
export interface TrainingJobOutput {
  /**
   * Name in the model file.
   */
  readonly name: string;
  /**
   * Name in the Open Inference Protocol, such as FP32.
   */
  readonly datatype: string;
  /**
   * Size of each axis; -1 is dynamic.
   *
   * Items: Size of one axis.
   */
  readonly shape: readonly number[];
}
/**
 * One figure.
 */
export interface TrainingJobClassMetric {
  /**
   * Name of the metric, which is precision, recall or f1.
   */
  readonly metric: string;
  /**
   * Label of the class whose figure it is.
   */
  readonly class: string;
  /**
   * Samples of the class in the held-out split.
   */
  readonly samples: number;
  /**
   * What was measured.
   */
  readonly value: number;
  /**
   * Lower end of the 95 % interval.
   */
  readonly low?: number;
  /**
   * Upper end of the 95 % interval.
   */
  readonly high?: number;
}
/**
 * One condition.
 */
export interface TrainingJobCondition {
  /**
   * What the condition is about.
   */
  readonly type: string;
  /**
   * Whether it holds.
   */
  readonly status: 'True' | 'False' | 'Unknown';
  /**
   * Why, in one CamelCase word.
   */
  readonly reason: string;
  /**
   * Why, in a sentence.
   */
  readonly message: string;
  /**
   * Generation of the spec that it speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * When the status last changed.
   */
  readonly lastTransitionTime: string;
}

/**
 * What to distil.
 */
export interface DistillationJobSpec {
  /**
   * The model that is learnt from. Exactly one member.
   */
  readonly teacher:
    | {
        /**
         * A TrainingJob of the same namespace; its artefact is taken once it succeeded.
         */
        readonly trainingJob: {
          /**
           * Its name.
           */
          readonly name: string;
        };
      }
    | {
        /**
         * An exported model in the artefact store.
         */
        readonly artefact: {
          /**
           * Folder with model.onnx and manifest.json, as a job names it in status.artefact.uri.
           */
          readonly uri: string;
          /**
           * Digest of model.onnx in lower-case hex. A file with another digest is refused.
           */
          readonly sha256: string;
        };
      };
  /**
   * Architecture of the student. Exactly one member.
   */
  readonly student:
    | {
        /**
         * One linear layer on the flattened input.
         */
        readonly linear: {};
      }
    | {
        /**
         * Fully connected layers with ReLU between them.
         */
        readonly mlp: {
          /**
           * Width of each hidden layer, first to last.
           *
           * Items: Units of one hidden layer.
           */
          readonly hidden: readonly number[];
        };
      }
    | {
        /**
         * 3 x 3 convolutions with ReLU and pooling, then one hidden fully connected layer.
         */
        readonly cnn: {
          /**
           * Output channels of each convolution, first to last.
           *
           * Items: Channels of one convolution.
           */
          readonly channels: readonly number[];
          /**
           * Units of the fully connected layer after the convolutions.
           */
          readonly hidden: number;
        };
      };
  /**
   * What is learnt from, and how it is split.
   */
  readonly data: {
    /**
     * Where the samples come from. Exactly one member.
     */
    readonly source:
      | {
          /**
           * A data set inside the trainer image. digits is scikit-learn's 1797 handwritten digits of 8 x 8 pixels.
           */
          readonly builtin: 'digits';
        }
      | {
          /**
           * One .npz file in an S3 store, with x as [n, ...] numbers and y as [n] integer class labels.
           */
          readonly s3: {
            /**
             * Address of the file, such as s3://bucket/folder/data.npz.
             */
            readonly uri: string;
            /**
             * Digest of the file in lower-case hex. Data with another digest is refused.
             */
            readonly sha256?: string;
          };
        };
    /**
     * How samples are divided, stratified by class. What is neither validation nor test is trained on.
     */
    readonly split: {
      /**
       * Share of the samples that is watched during training.
       */
      readonly validation: number;
      /**
       * Share of the samples that is held out, never trained on, and measured at the end.
       */
      readonly test: number;
      /**
       * Seed of the split. The same seed and data give the same split in every job.
       */
      readonly seed: number;
    };
    /**
     * How many training samples keep their label, chosen stratified by split.seed; the others are used without labels. Unset means all.
     */
    readonly labelled?: number;
  };
  /**
   * How the teacher teaches. Exactly one member.
   */
  readonly method: {
    /**
     * The student imitates the teacher's softened outputs.
     */
    readonly response: {
      /**
       * How much the outputs of teacher and student are softened.
       */
      readonly temperature: number;
      /**
       * Weight of the teacher's term of the loss; the labels weigh the rest. 1 needs no labels.
       */
      readonly alpha: number;
    };
  };
  /**
   * Also train the same student from the labels alone, so that the gain of distillation is known.
   */
  readonly control: boolean;
  /**
   * How the loss is minimised.
   */
  readonly optimization: {
    /**
     * Update rule. adamw takes weight decay apart from the gradient, adam and sgd with it.
     */
    readonly optimizer: 'adam' | 'adamw' | 'sgd';
    /**
     * Step size; the peak of the schedule.
     */
    readonly learningRate: number;
    /**
     * Course of the learning rate over the run. oneCycle rises and falls by a cosine; cosine and linear fall from the peak; constant stays there.
     */
    readonly schedule: 'constant' | 'oneCycle' | 'cosine' | 'linear';
    /**
     * Share of all steps over which the learning rate rises to its peak. Unset means 0.3 for oneCycle and 0 for the others.
     */
    readonly warmUp?: number;
    /**
     * How strongly weights are drawn towards 0.
     */
    readonly weightDecay: number;
    /**
     * Largest norm of all gradients together; larger ones are scaled down. Unset means that nothing is clipped.
     */
    readonly clipNorm?: number;
    /**
     * Numbers that the forward pass computes in; weights and losses stay float32. float16 needs a GPU.
     */
    readonly precision: 'float32' | 'bfloat16' | 'float16';
    /**
     * Parts in which each process works through its share of a batch, one after the other, so that less memory is needed. The batch stays the same.
     */
    readonly accumulate: number;
    /**
     * Ends the training when the validation loss no longer falls, and keeps the weights of the best epoch. Unset means that all epochs are trained.
     */
    readonly earlyStopping?: {
      /**
       * Epochs in a row without a better validation loss after which the training ends.
       */
      readonly patience: number;
      /**
       * A loss is better only if it is less by more than this.
       */
      readonly minDelta: number;
    };
    /**
     * Passes over the training samples.
     */
    readonly epochs: number;
    /**
     * Samples per step, summed over all workers.
     */
    readonly batchSize: number;
    /**
     * Seed of initial weights and of shuffling.
     */
    readonly seed: number;
  };
  /**
   * How the work is spread over pods.
   */
  readonly distribution: {
    /**
     * Pods that train together, data parallel. They start, fail and restart as one group.
     */
    readonly workers: number;
    /**
     * Processes in each pod, which share its CPUs and memory. With GPUs each takes one of its own, so as many as the GPU profile has.
     */
    readonly processesPerWorker: number;
    /**
     * With ddp every process has the whole model, with fsdp a part of it. With auto it is ddp where the model fits; the log of the workers says what it took and why.
     */
    readonly strategy: 'auto' | 'ddp' | 'fsdp';
  };
  /**
   * Where each worker runs, and what it may use.
   */
  readonly placement: {
    /**
     * Kueue's LocalQueue, in the namespace of the job, that admits each attempt before its pods are made. Unset means that no queue is asked.
     */
    readonly queueName?: string;
    /**
     * PriorityClass of the pods. Pods of a higher one may push these out, which counts as no failure.
     */
    readonly priorityClassName?: string;
    /**
     * GPU profiles of the installation in order of preference; the first that some node can satisfy is taken. The profile cpu needs no GPU.
     *
     * Items: Name of a profile.
     */
    readonly gpuProfiles: readonly string[];
    /**
     * CPU, memory and disk of each pod, besides what the GPU profile adds.
     */
    readonly resources: {
      /**
       * What is set aside on the node.
       */
      readonly requests: {
        /**
         * CPU set aside, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory set aside, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node set aside for what is downloaded and kept there while the pod lives, such as 20Gi; none where absent.
         */
        'ephemeral-storage'?: number | string;
      };
      /**
       * What may be used at most.
       */
      readonly limits: {
        /**
         * CPU that may be used at most, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory that may be used at most, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node that may be used at most, such as 20Gi; whoever uses more is ended. As much as there is where absent.
         */
        'ephemeral-storage'?: number | string;
      };
    };
  };
  /**
   * How progress is kept, so that a restarted attempt goes on instead of starting over.
   */
  readonly checkpoint: {
    /**
     * Seconds between checkpoints.
     */
    readonly everySeconds: number;
    /**
     * Checkpoints kept; older ones are deleted.
     */
    readonly keep: number;
  };
  /**
   * What the model must reach on the held-out split to count as a success.
   */
  readonly evaluation: {
    /**
     * Bounds that must all hold, at most one for each metric and class. Without gates every finished run succeeds.
     */
    readonly gates: readonly DistillationJobGate[];
  };
  /**
   * What happens after a failed attempt.
   */
  readonly retry: {
    /**
     * How many failed attempts are tried again. Preempted attempts and waits for missing data or images do not count; failures that a repetition cannot cure end the job at once.
     */
    readonly limit: number;
    /**
     * Seconds without a step, or without an answer of a worker, after which an attempt counts as hung and is repeated. Unset means five times the longest step so far, at least 60. 0 means never.
     */
    readonly stallSeconds?: number;
    /**
     * Seconds that all attempts together may take before the job fails. An attempt counts from when its pods are asked for until it ends, so waiting for room on a node counts, as in the activeDeadlineSeconds of a Job. Waiting in the queue of placement.queueName, what comes before the first attempt, suspension, pauses between attempts, and attempts that only found their input or their images missing do not. Unset means no deadline.
     */
    readonly deadlineSeconds?: number;
  };
  /**
   * Seconds after which a finished job, and everything that the cluster has of it, is deleted; what is in the store stays. Unset means never.
   */
  readonly ttlSecondsAfterFinished?: number;
  /**
   * Stops the running attempt after a checkpoint and starts none until it is false again. A suspended attempt is not counted as failed.
   */
  readonly suspend: boolean;
}
/**
 * One bound.
 */
export interface DistillationJobGate {
  /**
   * Which measured value is bounded. precision, recall and f1 are those of the class that has least, or of the named class; docs/training.md says what each one tells. gainOverControl is the accuracy gained over the same student without the teacher; teacherAgreement is the share of samples on which both name the same class.
   */
  readonly metric:
    | 'accuracy'
    | 'macroPrecision'
    | 'macroRecall'
    | 'macroF1'
    | 'rocAuc'
    | 'logLoss'
    | 'calibrationError'
    | 'precision'
    | 'recall'
    | 'f1'
    | 'gainOverControl'
    | 'teacherAgreement';
  /**
   * Label of the class that is bounded. Unset means every class.
   */
  readonly class?: string;
  /**
   * Smallest value that passes.
   */
  readonly atLeast?: number;
  /**
   * Largest value that passes.
   */
  readonly atMost?: number;
}

/**
 * What the operator observed; written by the operator alone.
 */
export interface DistillationJobStatus {
  /**
   * Generation of the spec that this status speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * Where the job stands. Conditions say why.
   */
  readonly phase?:
    'Waiting' | 'Refused' | 'Suspended' | 'Queued' | 'Starting' | 'Running' | 'Restarting' | 'Succeeded' | 'Failed';
  /**
   * Where the teacher comes from, such as trainingjob/digits-teacher.
   */
  readonly teacher?: string;
  /**
   * Architecture of the student in short, such as mlp 16.
   */
  readonly student?: string;
  /**
   * Share of the training steps that are done, such as 43%.
   */
  readonly progress?: string;
  /**
   * How far training is, as rank 0 said last; at most every few seconds.
   */
  readonly training?: {
    /**
     * What rank 0 was doing.
     */
    readonly phase?: 'starting' | 'training' | 'validating' | 'checkpointing' | 'evaluating' | 'exporting';
    /**
     * The epoch that it was in, from 1.
     */
    readonly epoch?: number;
    /**
     * All epochs.
     */
    readonly epochs?: number;
    /**
     * Steps that were done.
     */
    readonly step?: number;
    /**
     * All steps.
     */
    readonly steps?: number;
    /**
     * Loss of the last step.
     */
    readonly loss?: number;
    /**
     * Samples trained on in a second, summed over all workers.
     */
    readonly samplesPerSecond?: number;
    /**
     * Seconds that the remaining steps will take at this pace.
     */
    readonly etaSeconds?: number;
    /**
     * Loss on the validation split at the end of the last epoch, where early stopping asks for it.
     */
    readonly validationLoss?: number;
    /**
     * Accuracy on the validation split at the end of the last epoch.
     */
    readonly validationAccuracy?: number;
    /**
     * Root of the mean squared error on the validation split at the end of the last epoch, in the unit of the target.
     */
    readonly validationRmse?: number;
    /**
     * Address of the history of all attempts, which is a JSON list with a point for each epoch; written with each checkpoint.
     */
    readonly history?: string;
    /**
     * Why the last checkpoint is not in the store; unset once one is. It is tried again, and the training goes on.
     */
    readonly checkpointProblem?: string;
  };
  /**
   * Accuracy on the held-out split, such as 0.983.
   */
  readonly accuracy?: string;
  /**
   * Accuracy gained over the same student without the teacher, such as +0.052.
   */
  readonly gain?: string;
  /**
   * Size of the student and its ratio to the teacher's, such as 5.2 KiB (1/14).
   */
  readonly size?: string;
  /**
   * Attempts that were started.
   */
  readonly attemptCount?: number;
  /**
   * Seconds that attempts ran which are no longer in the list; they count for retry.deadlineSeconds. Unset while all are.
   */
  readonly earlierRunSeconds?: number;
  /**
   * When the first attempt started.
   */
  readonly startedAt?: string;
  /**
   * When the job succeeded or failed for good.
   */
  readonly finishedAt?: string;
  /**
   * The attempts, oldest first. Every failed attempt that counts is kept, and the newest of the others.
   */
  readonly attempts?: readonly DistillationJobAttempt[];
  /**
   * How the model is spread over the processes of the group, and what that gains.
   */
  readonly distribution?: {
    /**
     * What was chosen. In ddp every process holds the whole model, in fsdp a part of it; alone there is one process.
     */
    readonly strategy: 'alone' | 'ddp' | 'fsdp';
    /**
     * Why it was chosen.
     */
    readonly reason: string;
    /**
     * Processes that train together, which are workers times processesPerWorker.
     */
    readonly processes: number;
    /**
     * What rank 0 computes on, as PyTorch calls it; cuda is any GPU. Unset where the program does not tell.
     */
    readonly device?: 'cpu' | 'cuda';
    /**
     * Throughput of the group as a share of that many times the throughput of one process alone; 1 is perfect. Measured in the first seconds, and unset where that is not possible.
     */
    readonly scalingEfficiency?: number;
  };
  /**
   * The newest checkpoint known.
   */
  readonly checkpoint?: {
    /**
     * Training step.
     */
    readonly step: number;
    /**
     * Where it lies.
     */
    readonly uri: string;
    /**
     * Its digest.
     */
    readonly sha256: string;
    /**
     * When it was written.
     */
    readonly savedAt?: string;
  };
  /**
   * The exported model. A ModelService serves exactly this digest.
   */
  readonly artefact?: {
    /**
     * Folder with model.onnx and manifest.json.
     */
    readonly uri: string;
    /**
     * Digest of model.onnx.
     */
    readonly sha256: string;
    /**
     * Size of model.onnx.
     */
    readonly sizeBytes: number;
    /**
     * What was measured, as a page for people; report.json beside it has the same for programs.
     */
    readonly report?: string;
    /**
     * What the model takes.
     */
    readonly inputs: readonly DistillationJobInput[];
    /**
     * What the model gives.
     */
    readonly outputs: readonly DistillationJobOutput[];
  };
  /**
   * Measured on the held-out split, each with its 95 % interval.
   */
  readonly metrics?: {
    /**
     * Samples of the held-out split.
     */
    readonly samples: number;
    /**
     * Share of samples that were classified correctly.
     */
    readonly accuracy?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Precision of each class, averaged over classes.
     */
    readonly macroPrecision?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Recall of each class, averaged over classes.
     */
    readonly macroRecall?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * F1 of each class, averaged over classes.
     */
    readonly macroF1?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Area under the ROC curve of each class against the rest, averaged over classes.
     */
    readonly rocAuc?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Mean negative logarithm of the probability of the true class.
     */
    readonly logLoss?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Expected calibration error, which is how far stated probability and share of right answers lie apart.
     */
    readonly calibrationError?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
  };
  /**
   * The same student without the teacher, on the held-out split.
   */
  readonly control?: {
    /**
     * Samples of the held-out split.
     */
    readonly samples: number;
    /**
     * Share of samples that were classified correctly.
     */
    readonly accuracy?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Recall of each class, averaged over classes.
     */
    readonly macroRecall?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * F1 of each class, averaged over classes.
     */
    readonly macroF1?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
  };
  /**
   * The teacher on the held-out split.
   */
  readonly teacherMetrics?: {
    /**
     * Samples of the held-out split.
     */
    readonly samples: number;
    /**
     * Share of samples that were classified correctly.
     */
    readonly accuracy?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * Recall of each class, averaged over classes.
     */
    readonly macroRecall?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
    /**
     * F1 of each class, averaged over classes.
     */
    readonly macroF1?: {
      /**
       * What was measured.
       */
      readonly value: number;
      /**
       * Lower end of the 95 % interval.
       */
      readonly low?: number;
      /**
       * Upper end of the 95 % interval.
       */
      readonly high?: number;
    };
  };
  /**
   * The teacher that is used. That of a TrainingJob is fixed when the first attempt begins, and stays so.
   */
  readonly teacherArtefact?: {
    /**
     * Folder of the artefact.
     */
    readonly uri: string;
    /**
     * Digest of model.onnx.
     */
    readonly sha256: string;
  };
  /**
   * Size of the teacher's model.onnx.
   */
  readonly teacherSizeBytes?: number;
  /**
   * Share of the held-out split on which student and teacher name the same class.
   */
  readonly teacherAgreement?: number;
  /**
   * Accuracy of the student less that of the control.
   */
  readonly gainOverControl?: number;
  /**
   * Figures of single classes, one for each gate on precision, recall or f1, in the order of the gates.
   */
  readonly classMetrics?: readonly DistillationJobClassMetric[];
  /**
   * What the artefact was made from.
   */
  readonly lineage?: {
    /**
     * Digest of the data set.
     */
    readonly dataSha256: string;
    /**
     * Digest of everything that decides the course of the training, which the manifest has as lineage.config.
     */
    readonly configSha256?: string;
    /**
     * Seed of the split.
     */
    readonly splitSeed: number;
    /**
     * Seed of initial weights and of shuffling.
     */
    readonly seed: number;
    /**
     * Workers that trained it.
     */
    readonly worldSize: number;
    /**
     * Version of PyTorch.
     */
    readonly torch: string;
    /**
     * Trainer image.
     */
    readonly image: string;
    /**
     * Digest of the teacher.
     */
    readonly teacherSha256?: string;
  };
  /**
   * The state of the object in the standard form; every pass states every condition.
   */
  readonly conditions?: readonly DistillationJobCondition[];
}
/**
 * One attempt.
 */
export interface DistillationJobAttempt {
  /**
   * Counts from 1.
   */
  readonly number: number;
  /**
   * When its Job was made.
   */
  readonly startedAt: string;
  /**
   * When its queue let it begin, from when on it counts for retry.deadlineSeconds; unset while it waits in the queue, and without one.
   */
  readonly admittedAt?: string;
  /**
   * When it ended; unset while it runs.
   */
  readonly endedAt?: string;
  /**
   * GPU profile that it runs on.
   */
  readonly profile?: string;
  /**
   * How it ended. Only Failed counts against retry.limit.
   */
  readonly outcome?: 'Succeeded' | 'Failed' | 'Preempted' | 'Waiting' | 'Suspended';
  /**
   * Why it ended, in one CamelCase word.
   */
  readonly reason?: string;
  /**
   * Why it ended, in the words of the first pod that failed.
   */
  readonly message?: string;
  /**
   * The pod that decided the outcome.
   */
  readonly pod?: string;
  /**
   * Rank of that pod; of those that failed by themselves, the first.
   */
  readonly rank?: number;
  /**
   * Exit code of that pod.
   */
  readonly exitCode?: number;
  /**
   * The last line of that pod's log, where it ended without saying why.
   */
  readonly lastLogLine?: string;
  /**
   * Step of the checkpoint that it went on from.
   */
  readonly resumedFromStep?: number;
  /**
   * Which newer checkpoints it could not use, and why.
   */
  readonly skippedCheckpoint?: string;
}
/**
 * One tensor.
 */
export interface DistillationJobInput {
  /**
   * Name in the model file.
   */
  readonly name: string;
  /**
   * Name in the Open Inference Protocol, such as FP32.
   */
  readonly datatype: string;
  /**
   * Size of each axis; -1 is dynamic.
   *
   * Items: Size of one axis.
   */
  readonly shape: readonly number[];
}
/**
 * One tensor.
 */
export interface DistillationJobOutput {
  /**
   * Name in the model file.
   */
  readonly name: string;
  /**
   * Name in the Open Inference Protocol, such as FP32.
   */
  readonly datatype: string;
  /**
   * Size of each axis; -1 is dynamic.
   *
   * Items: Size of one axis.
   */
  readonly shape: readonly number[];
}
/**
 * One figure.
 */
export interface DistillationJobClassMetric {
  /**
   * Name of the metric, which is precision, recall or f1.
   */
  readonly metric: string;
  /**
   * Label of the class whose figure it is.
   */
  readonly class: string;
  /**
   * Samples of the class in the held-out split.
   */
  readonly samples: number;
  /**
   * What was measured.
   */
  readonly value: number;
  /**
   * Lower end of the 95 % interval.
   */
  readonly low?: number;
  /**
   * Upper end of the 95 % interval.
   */
  readonly high?: number;
}
/**
 * One condition.
 */
export interface DistillationJobCondition {
  /**
   * What the condition is about.
   */
  readonly type: string;
  /**
   * Whether it holds.
   */
  readonly status: 'True' | 'False' | 'Unknown';
  /**
   * Why, in one CamelCase word.
   */
  readonly reason: string;
  /**
   * Why, in a sentence.
   */
  readonly message: string;
  /**
   * Generation of the spec that it speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * When the status last changed.
   */
  readonly lastTransitionTime: string;
}

/**
 * What to serve, and how.
 */
export interface ModelServiceSpec {
  /**
   * Pins the number of replicas; kubectl scale writes it. Unset leaves the number to the autoscaler. Kubernetes answers a read of the scale subresource with 500 (the spec replicas field does not exist) while this is unset, and any number in its place would be a pin; status.replicas has the number meanwhile.
   */
  readonly replicas?: number;
  /**
   * The model to serve. Exactly one member.
   */
  readonly model:
    | {
        /**
         * A TrainingJob of the same namespace; its artefact is taken once it succeeded.
         */
        readonly trainingJob: {
          /**
           * Its name.
           */
          readonly name: string;
        };
      }
    | {
        /**
         * A DistillationJob of the same namespace; its artefact is taken once it succeeded.
         */
        readonly distillationJob: {
          /**
           * Its name.
           */
          readonly name: string;
        };
      }
    | {
        /**
         * An exported model in the artefact store.
         */
        readonly artefact: {
          /**
           * Folder with model.onnx and manifest.json, as a job names it in status.artefact.uri.
           */
          readonly uri: string;
          /**
           * Digest of model.onnx in lower-case hex. A file with another digest is refused.
           */
          readonly sha256: string;
        };
      };
  /**
   * What runs the model. Exactly one member.
   */
  readonly runtime: {
    /**
     * ONNX Runtime in the Limbeck server, with dynamic batching.
     */
    readonly onnx: {
      /**
       * Sessions of the model in each pod; so many batches run at the same time. Unset means one for every 8 CPUs of limits.cpu, or fewer where half of limits.memory does not hold them; a language model has one.
       */
      readonly instances?: number;
      /**
       * Threads inside one session. Unset shares the whole CPUs of limits.cpu among the sessions, 8 for one at most; a model of less than 1 MiB runs in one.
       */
      readonly threads?: number;
      /**
       * Samples that are joined into one batch at most. Unset leaves it to the server.
       */
      readonly maxBatch?: number;
    };
  };
  /**
   * How the number of replicas follows the requests.
   */
  readonly scaling: {
    /**
     * Fewest replicas. 0 lets an idle service stop altogether; the next request starts it again.
     */
    readonly minReplicas: number;
    /**
     * Most replicas.
     */
    readonly maxReplicas: number;
    /**
     * What the autoscaler aims at.
     */
    readonly target: {
      /**
       * Requests that one replica should be answering at a time, on average.
       */
      readonly inFlight: number;
    };
    /**
     * Seconds without any request after which an idle service goes to zero, where minReplicas allows.
     */
    readonly idleSeconds: number;
    /**
     * Seconds that a request is held at most while no replica is ready, before it is refused.
     */
    readonly maxColdStartSeconds: number;
    /**
     * Requests that are held at most in each gateway; more are refused at once, and so is what a gateway has no memory for.
     */
    readonly queueLimit: number;
    /**
     * Requests that one replica is given at a time at most; the others are held.
     */
    readonly maxInFlightPerReplica: number;
  };
  /**
   * Where each replica runs, and what it may use.
   */
  readonly placement: {
    /**
     * GPU profiles of the installation in order of preference; the first that some node can satisfy is taken. The profile cpu needs no GPU.
     *
     * Items: Name of a profile.
     */
    readonly gpuProfiles: readonly string[];
    /**
     * CPU, memory and disk of each pod, besides what the GPU profile adds.
     */
    readonly resources: {
      /**
       * What is set aside on the node.
       */
      readonly requests: {
        /**
         * CPU set aside, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory set aside, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node set aside for what is downloaded and kept there while the pod lives, such as 20Gi; none where absent.
         */
        'ephemeral-storage'?: number | string;
      };
      /**
       * What may be used at most.
       */
      readonly limits: {
        /**
         * CPU that may be used at most, such as 500m or 2.
         */
        readonly cpu: number | string;
        /**
         * Memory that may be used at most, such as 512Mi or 2Gi.
         */
        readonly memory: number | string;
        /**
         * Disk of the node that may be used at most, such as 20Gi; whoever uses more is ended. As much as there is where absent.
         */
        'ephemeral-storage'?: number | string;
      };
    };
  };
}

/**
 * What the operator observed; written by the operator alone.
 */
export interface ModelServiceStatus {
  /**
   * Generation of the spec that this status speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * Where the service stands. Conditions say why.
   */
  readonly phase?: 'Waiting' | 'Refused' | 'Starting' | 'Serving' | 'Idle' | 'Failing';
  /**
   * Where the model comes from, such as distillationjob/digits-student.
   */
  readonly model?: string;
  /**
   * Pods that exist.
   */
  readonly replicas?: number;
  /**
   * Pods that answer requests.
   */
  readonly readyReplicas?: number;
  /**
   * Label selector of the pods, for the scale subresource.
   */
  readonly selector?: string;
  /**
   * Address of the model inside the cluster.
   */
  readonly url?: string;
  /**
   * What is served, as a hash of artefact, runtime and placement.
   */
  readonly revision?: string;
  /**
   * The newest revision of which a replica answered a real inference.
   */
  readonly verifiedRevision?: string;
  /**
   * GPU profile that the replicas run on.
   */
  readonly profile?: string;
  /**
   * Why the gateways refuse requests at once, instead of holding them for a replica; unless somebody acts none would come. Absent while requests are held or answered.
   */
  readonly refusal?: {
    /**
     * Why, in one CamelCase word; that of a condition.
     */
    readonly reason: string;
    /**
     * Why, in a sentence with a remedy; the gateways repeat it to who asks.
     */
    readonly message: string;
    /**
     * Retry-After of the refusals, where the operator's side looks again by itself.
     */
    readonly retryAfterSeconds?: number;
  };
  /**
   * The artefact in use.
   */
  readonly artefact?: {
    /**
     * Folder with model.onnx and manifest.json.
     */
    readonly uri: string;
    /**
     * Digest of model.onnx.
     */
    readonly sha256: string;
  };
  /**
   * The state of the object in the standard form; every pass states every condition.
   */
  readonly conditions?: readonly ModelServiceCondition[];
}
/**
 * One condition.
 */
export interface ModelServiceCondition {
  /**
   * What the condition is about.
   */
  readonly type: string;
  /**
   * Whether it holds.
   */
  readonly status: 'True' | 'False' | 'Unknown';
  /**
   * Why, in one CamelCase word.
   */
  readonly reason: string;
  /**
   * Why, in a sentence.
   */
  readonly message: string;
  /**
   * Generation of the spec that it speaks of.
   */
  readonly observedGeneration?: number;
  /**
   * When the status last changed.
   */
  readonly lastTransitionTime: string;
}
