import DequeModule

/// Releases that wait for a job of their task to end (overrun rule `queue`), by task. The owner of these queues.
struct Backlog: Sendable {
    private var queues: ContiguousArray<Deque<Release>>

    init(tasks: Int) { queues = ContiguousArray(repeating: Deque(), count: tasks) }

    subscript(task: Int) -> Deque<Release> { queues[task] }
    func contains(_ job: JobID) -> Bool { queues[job.task].contains { $0.sequence == job.sequence } }

    mutating func append(_ release: Release, of task: Int) { queues[task].append(release) }
    mutating func popFirst(of task: Int) -> Release? { queues[task].popFirst() }

    /// Takes out a release, if it waits.
    mutating func remove(_ job: JobID) -> Release? {
        guard queues.indices.contains(job.task) else { return nil }
        return queues[job.task].firstIndex { $0.sequence == job.sequence }.map { queues[job.task].remove(at: $0) }
    }

    /// Whether all that waits has something to wait for, in words if not.
    func violation(_ tasks: TaskTable, _ jobs: JobTable) -> String? {
        for task in queues.indices where !queues[task].isEmpty {
            if jobs.hasRoom(for: task) { return "releases of task \(task) wait though it has room for a job" }
            if !tasks[task].isEnabled { return "releases of task \(task) wait though it was removed" }
        }
        return nil
    }

    /// How many releases wait.
    var count: Int { queues.reduce(0) { $0 + $1.count } }
}
