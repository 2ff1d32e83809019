/// Whether the system lets a process have more threads.
///
/// Libraries below this one cannot bear to be refused a thread: some trap, others wait for ever. So those that are about to
/// start theirs ask first.
package enum ThreadRoom {
    /// Starts so many threads at once and ends them again.
    ///
    /// - Throws: if the system refuses one.
    package static func check(_ count: Int) throws(DeviceError) {
        let start = Semaphore()
        var threads: [DedicatedThread] = []
        defer {
            for _ in threads { start.post() }
            for thread in threads { thread.join() }
        }
        for _ in 0..<count {
            guard let thread = try? DedicatedThread(.init(name: "daris-room"), { start.wait() }) else {
                throw DeviceError("the system refuses \(count) more threads; \(DedicatedThread.advice)")
            }
            threads.append(thread)
        }
    }
}
