use ondol_model::{DeployMode, RestartCondition, RestartPolicy, Service};

/// What follows when a replica's process has ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It is started again.
    Again,
    /// It did what it was started for.
    Done,
    /// It failed and is not started again: why not.
    GaveUp(&'static str),
}

/// Decides by the restart policy. `crashes` counts the ends in a row, this one included.
///
/// A job that succeeded is done whatever its policy says.
pub(crate) fn afterwards(service: &Service, succeeded: bool, crashes: u32) -> Afterwards {
    if succeeded && service.mode == DeployMode::Job {
        return Afterwards::Done;
    }
    let RestartPolicy {
        condition,
        attempts_max,
        ..
    } = service.restart;
    let used_up = attempts_max.is_some_and(|max| crashes > max);
    match condition {
        RestartCondition::Any if !used_up => Afterwards::Again,
        _ if succeeded => Afterwards::Done,
        RestartCondition::Never => Afterwards::GaveUp("`restart: no` leaves it so"),
        _ if used_up => Afterwards::GaveUp("its attempts are used up"),
        RestartCondition::OnFailure | RestartCondition::Any => Afterwards::Again,
    }
}

/// How many copies of it are wanted when nobody scaled it.
pub(crate) fn copies(service: &Service) -> u32 {
    match service.mode {
        DeployMode::Global => 1,
        DeployMode::Replicated | DeployMode::Job => service.replicas,
    }
}
