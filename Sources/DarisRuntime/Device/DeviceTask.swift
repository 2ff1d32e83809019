/// A task as a device sees it.
package struct DeviceTask: Sendable, Hashable, Codable {
    /// Index of its model.
    package var model: Int
    /// Inferences a job.
    package var batch: Int

    /// A task that runs a model.
    package init(model: Int, batch: Int) {
        self.model = model
        self.batch = batch
    }
}
