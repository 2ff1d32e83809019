/// How a session is made and runs.
///
/// The defaults suit a lane of a real-time scheduler: everything runs on the thread that calls, and no thread of a pool
/// burns a core while it waits.
package struct SessionOptions: Sendable {
    /// How far ONNX Runtime rewrites a graph before it runs it.
    package enum OptimizationLevel: Int32, Sendable {
        /// Not at all.
        case none = 0
        /// Rewrites that keep the operators, such as folding constants.
        case basic = 1
        /// Fusions of operators as well.
        case extended = 2
        /// Changes of memory layout as well.
        case all = 99
    }

    /// In what order operators run.
    package enum ExecutionMode: Int32, Sendable {
        /// One after the other.
        case sequential = 0
        /// Side by side where the graph allows, on ``SessionOptions/interOpThreads`` threads.
        case parallel = 1
    }

    /// Threads that share the work of one operator, the calling one included; 0 for one a core. With 1 there is no
    /// pool: a run stays on the thread that calls.
    package var intraOpThreads = 1
    /// Threads that run operators side by side, in ``ExecutionMode/parallel`` mode only.
    package var interOpThreads = 1
    /// How far the graph is rewritten.
    package var optimizationLevel = OptimizationLevel.all
    /// In what order operators run.
    package var executionMode = ExecutionMode.sequential
    /// Whether threads of the pool spin while they wait for work: less delay for one session, fewer cores for others.
    package var allowsSpinning = false
    /// The cores of the pool's threads: one entry for each thread but the calling one, separated by `;`, each a list
    /// such as
    /// `2,3` or a range such as `2-3` of logical processors counted from 1. `nil` leaves them to the system.
    package var intraOpThreadAffinities: String?
    /// Whether memory for a run is planned as one block from the shapes of the run before.
    package var usesMemoryPattern = true
    /// Whether the session keeps memory it once used for later runs.
    package var usesArena = true
    /// Where the session writes the times of its operators: a path to which a date and `.json` are added. See
    /// ``Session/endProfiling()``.
    package var profilePrefix: String?
    /// The least severity of the session's log lines, if it differs from the environment's.
    package var logSeverity: LogSeverity?
    /// Extents for dimensions that the model only names, such as `["batch": 4]`. A fixed extent lets ONNX Runtime plan
    /// more.
    package var freeDimensionOverrides: [String: Int] = [:]
    /// Weights to use instead of the model's, by name. Sessions made with the same tensors share their memory; the
    /// session keeps the tensors alive. They must not change while it lives.
    ///
    /// ONNX Runtime does not object to a name that the model does not have, nor to another shape before the first run.
    /// It rearranges most weights for its kernels and keeps the copy for itself, unless the sessions share
    /// ``PrepackedWeights`` as well, or ``configEntries`` has `session.disable_prepacking` set to 1.
    package var initializers: [String: Tensor] = [:]
    /// Where the session's operators run besides the CPU.
    package var cuda: CUDAProvider?
    /// Further entries of ONNX Runtime's session configuration, such as `session.set_denormal_as_zero`.
    package var configEntries: [String: String] = [:]

    /// The defaults.
    package init() {}
}
