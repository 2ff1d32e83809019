import HeapModule

/// The ready stages of one context in the order in which they go to its lanes (paper section IV-B3).
///
/// Eight fixed levels from (HP before LP) × (last stage of its job) × (the stage before missed its virtual deadline);
/// within a level earliest virtual deadline first; ties by release time, then task, then instance. Insertion and removal of the
/// first stage cost O(log n) and allocate nothing once the queue has reached its greatest length.
package struct ReadyQueue: Sendable {
    /// A stage that waits for a lane. At most one stage of a job is ready at any time, so the job names it.
    package struct Entry: Comparable, Hashable, Sendable {
        /// 0 (goes first) to 7.
        package let level: UInt8
        /// When the stage is due.
        package let virtualDeadline: Nanoseconds
        /// When its job was released.
        package let release: Nanoseconds
        /// The index of its job: that of an instance among those of all tasks.
        package let job: Int

        /// An entry with its place in the order.
        @inlinable
        package init(level: UInt8, virtualDeadline: Nanoseconds, release: Nanoseconds, job: Int) {
            self.level = level
            self.virtualDeadline = virtualDeadline
            self.release = release
            self.job = job
        }

        /// Whether `a` goes to a lane before `b`.
        @inlinable
        package static func < (a: Entry, b: Entry) -> Bool {
            if a.level != b.level { return a.level < b.level }
            if a.virtualDeadline != b.virtualDeadline { return a.virtualDeadline < b.virtualDeadline }
            if a.release != b.release { return a.release < b.release }
            return a.job < b.job
        }
    }

    private var heap: Heap<Entry>

    /// An empty queue with room for `capacity` stages.
    package init(capacity: Int) { heap = Heap(minimumCapacity: capacity) }

    /// How many stages wait.
    package var count: Int { heap.count }
    /// Whether no stage waits.
    package var isEmpty: Bool { heap.isEmpty }
    /// The stages that wait, in no particular order.
    package var entries: [Entry] { heap.unordered }

    /// Adds a stage that has become ready.
    @inline(__always)
    package mutating func insert(_ entry: Entry) { heap.insert(entry) }

    /// The stage that goes first.
    @inline(__always)
    package var first: Entry? { heap.min }

    /// Takes out the stage that goes first.
    @inline(__always)
    package mutating func popFirst() -> Entry? { heap.popMin() }

    /// Takes out the stage of a job that has been dropped or cancelled. O(n).
    package mutating func remove(job: Int) { heap.removeAll { $0.job == job } }

    /// Takes out the stages of the jobs that a condition holds of. O(n).
    mutating func removeAll(where condition: (Int) -> Bool) { heap.removeAll { condition($0.job) } }

    /// The level of a stage: HP: last and late 0, last 1, late 2, other 3; LP likewise 4 to 7, with `lateBeforeLast` late 5 and
    /// last 6.
    @inlinable
    package static func level(
        _ priority: Priority, isLast: Bool, isLate: Bool, lateBeforeLast: Bool = false
    ) -> UInt8 {
        if lateBeforeLast && priority == .low && isLast != isLate { return isLate ? 5 : 6 }
        let within: UInt8 =
            switch (isLast, isLate) {
            case (true, true): 0
            case (true, false): 1
            case (false, true): 2
            case (false, false): 3
            }
        return priority == .high ? within : within + 4
    }
}
