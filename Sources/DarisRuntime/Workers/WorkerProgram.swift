/// What a worker process runs.
struct WorkerProgram: Sendable {
    var path: String
    /// Variables beside those of this process.
    var environment: [String: String]
}
