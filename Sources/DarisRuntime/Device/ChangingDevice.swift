import DarisCore

/// A device whose models come and go while it runs others.
package protocol ChangingDevice: Device {
    /// Loads a model and makes tensors for instances of a task, beside what runs and after it: the work is done on threads that
    /// make way. Blocks; call it from a thread of usual priority, which threads that it starts inherit.
    ///
    /// - Parameters:
    ///   - batch: inferences of a job.
    ///   - count: of instances.
    ///   - makesWay: whether stages make way for others, where the device has them do so.
    func load(
        _ model: StagedModel, batch: Int, instances count: Int, makesWay: Bool
    ) throws(PreparationError) -> any LoadedInstances

    /// Gives instances of a place what was loaded for them, or takes it from them.
    ///
    /// - Parameter loaded: for as many as there are in the place, or fewer; `nil` for none.
    /// - Precondition: no job of theirs is in flight.
    /// - Returns: what they had, whose memory is free once the caller has let go of it.
    func put(_ loaded: (any LoadedInstances)?, at place: Range<Int>) -> any Sendable
}

/// A model on a device, with tensors for the instances of a task that is to run it.
package protocol LoadedInstances: Sendable {
    /// What the model takes and gives.
    var signature: ModelSignature { get }

    /// What stands in for the MRET of each stage until it has been measured: how long it takes beside what runs now, on a thread
    /// that makes way, without the time for which it made way. Blocks.
    func executionTimes() throws(PreparationError) -> [Nanoseconds]
}
