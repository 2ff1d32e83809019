/// A task as a device sees it.
public struct DeviceTask: Sendable, Hashable, Codable {
    /// Index of its model.
    public var model: Int
    /// Inferences a job.
    public var batch: Int

    /// A task that runs a model.
    public init(model: Int, batch: Int) {
        self.model = model
        self.batch = batch
    }
}
