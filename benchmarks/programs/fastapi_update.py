"""The same operation with a common stack: FastAPI, Mangum and boto3. No authentication, one DynamoDB request."""

import base64
from typing import Annotated, Any

import boto3
from boto3.dynamodb.conditions import Attr
from cpu_time import measure
from fastapi import FastAPI, Form, HTTPException
from mangum import Mangum
from pydantic import BaseModel

_PATH = "/2010-04-01/Accounts/{account}/Calls/{call}/Recordings/{recording}"
_TABLE = boto3.resource("dynamodb").Table("recordings")
_APP = FastAPI()


class Recording(BaseModel):
    """The fields of a recording that this benchmark returns."""

    sid: str
    account_sid: str
    call_sid: str
    status: str
    channels: int
    track: str
    source: str


@_APP.post(_PATH)
def update_recording(
    account: str, call: str, recording: str, status: Annotated[str, Form(alias="Status")]
) -> Recording:
    """Pause, resume or stop a recording."""
    try:
        response = _TABLE.update_item(
            Key={"PK": f"{account}#CALL#{call}", "SK": f"REC#{recording}"},
            UpdateExpression="SET #status = :status, version = version + :one",
            ConditionExpression=Attr("status").is_in(["in-progress", "paused"]),
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": status, ":one": 1},
            ReturnValues="ALL_NEW",
        )
    except _TABLE.meta.client.exceptions.ConditionalCheckFailedException as error:
        raise HTTPException(400) from error
    item = response["Attributes"]
    return Recording(
        sid=recording,
        account_sid=account,
        call_sid=call,
        status=str(item["status"]),
        channels=int(str(item["channels"])),
        track=str(item["track"]),
        source=str(item["source"]),
    )


_HANDLER = Mangum(_APP, lifespan="off")
_URL = _PATH.format(account="AC72", call="CA43", recording="RE19")
_EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": f"POST {_PATH}",
    "rawPath": _URL,
    "rawQueryString": "",
    "headers": {"content-type": "application/x-www-form-urlencoded", "host": "localhost"},
    "requestContext": {
        "http": {"method": "POST", "path": _URL, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
        "stage": "$default",
    },
    "isBase64Encoded": True,
    "body": base64.b64encode(b"Status=paused&PauseBehavior=skip").decode(),
}


def update() -> None:
    """Send one update."""
    assert _HANDLER(_EVENT, None)["statusCode"] == 200  # type: ignore[arg-type] # the handler ignores the context


measure(update)
